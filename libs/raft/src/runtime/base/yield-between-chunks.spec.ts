import { yieldBetweenChunks } from './yield-between-chunks';
import { SystemScheduler } from './system-scheduler';

async function* readAtOnce(count: number): AsyncGenerator<Uint8Array> {
  for (let number = 0; number < count; number++) yield Uint8Array.of(number);
}

describe('chunks in turns', () => {
  it('let the event loop do something else between two of them', async () => {
    const seen: string[] = [];
    let heartbeats = 0;
    const beat = (): void => {
      seen.push('heartbeat');
      if (++heartbeats < 3) setImmediate(beat);
    };
    setImmediate(beat);

    for await (const [number] of yieldBetweenChunks(readAtOnce(3), new SystemScheduler())) seen.push(`chunk ${number}`);

    expect(seen.join(', ')).toMatch(/^chunk 0, heartbeat, .*chunk 1, .*heartbeat, .*chunk 2/);
  });

  it('let go of their source where nobody takes more', async () => {
    let isClosed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield* readAtOnce(10);
      } finally {
        isClosed = true;
      }
    }
    for await (const [number] of yieldBetweenChunks(source(), new SystemScheduler())) if (number === 1) break;
    expect(isClosed).toBe(true);
  });
});
