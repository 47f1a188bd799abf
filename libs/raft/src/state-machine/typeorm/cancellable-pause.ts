/** A wait that ends early where it is called off, once and for all. */
export class CancellablePause {
  private isCancelled = false;
  private wake: (() => void) | undefined;

  async for(ms: number): Promise<void> {
    if (this.isCancelled) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.wake = undefined;
  }

  cancel(): void {
    this.isCancelled = true;
    this.wake?.();
  }
}
