type Sized = (size: number, ...rest: never[]) => Buffer;

/** Counts the bytes that are asked for in buffers while it runs, whether they are used or not. */
export class AllocationMeter {
  asked = 0;
  private readonly undo: (() => void)[] = [];

  start(): void {
    for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
      const original = Buffer[name] as Sized;
      const counted: Sized = (size, ...rest) => {
        this.asked += size;
        return original.call(Buffer, size, ...rest);
      };
      Object.assign(Buffer, { [name]: counted });
      this.undo.push(() => Object.assign(Buffer, { [name]: original }));
    }
    const plain = globalThis.Uint8Array;
    globalThis.Uint8Array = new Proxy(plain, {
      construct: (target, args: [unknown], newTarget) => {
        if (typeof args[0] === 'number') this.asked += args[0];
        return Reflect.construct(target, args, newTarget === globalThis.Uint8Array ? target : newTarget) as Uint8Array;
      },
    });
    this.undo.push(() => (globalThis.Uint8Array = plain));
  }

  stop(): void {
    for (const undo of this.undo.splice(0)) undo();
  }
}
