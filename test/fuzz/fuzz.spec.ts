import { decodeValue, encodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import { frameTarget, handshakeTarget } from './frame-target';
import { fuzz } from './fuzz';
import { commandTarget, requestTarget } from './payload-targets';
import { snapshotTarget } from './snapshot-target';
import type { FuzzTarget } from './target';

/** `npm run fuzz` reads a million and more of each. */
const INPUTS = 20_000;

describe('what anybody may have written', () => {
  it.each<[string, () => FuzzTarget | Promise<FuzzTarget>]>([
    ['frames', frameTarget],
    ['handshakes', handshakeTarget],
    ['commands', commandTarget],
    ['requests', requestTarget],
    ['snapshots', snapshotTarget],
  ])(
    'ends in a value or in a refusal, at once and within its memory: %s',
    async (_name, makeTarget) => {
      const result = await fuzz(await makeTarget(), INPUTS, 1);
      // Were nothing accepted, or nothing refused, the mutations would be too wild or too tame to show anything.
      expect(result.accepted).toBeGreaterThan(INPUTS / 100);
      expect(result.refused).toBeGreaterThan(INPUTS / 100);
    },
    600_000,
  );
});

describe('the fuzzer finds', () => {
  const reading = (read: FuzzTarget['read']): FuzzTarget => ({
    name: 'faulty',
    next: (mutator) => mutator.mutated([encodeValue(['a', 1])]),
    read,
    isRefusal: () => false,
  });

  it('a crash, and says how to read the input again', async () => {
    const target = reading((bytes) => void decodeValue(bytes));
    await expect(fuzz(target, 1000, 3)).rejects.toThrow(
      /faulty: it ended in no refusal: .*\n.*seed 3, input \d+: [0-9a-f]*/s,
    );
  });

  it.each<[string, (size: number) => unknown]>([
    ['Buffer.alloc', (size) => Buffer.alloc(size)],
    ['Buffer.allocUnsafe', (size) => Buffer.allocUnsafe(size)],
    ['Buffer.allocUnsafeSlow', (size) => Buffer.allocUnsafeSlow(size)],
    ['Uint8Array', (size) => new Uint8Array(size)],
  ])('memory that is asked for on the word of a length: %s', async (_name, ask) => {
    await expect(
      fuzz(
        reading(() => void ask(8 * 1024 * 1024)),
        10,
        1,
      ),
    ).rejects.toThrow(/it asked for \d+ bytes, and has/);
  });
});
