// Feeds mutated frames, handshakes, commands, requests and snapshots to the decoders that read them.
//
//   npm run fuzz                              10 million frames and a million of each of the others
//   npm run fuzz -- --frames 100000 --payloads 100000 --seed 7
import { createRequire } from 'node:module';
import { buildIfNeeded } from './build-if-needed.mjs';

try {
  await buildIfNeeded({ only: ['tools'] });
  const { fuzzCommand } = createRequire(import.meta.url)('../dist/tools/test/fuzz/fuzz-command.js');
  process.exitCode = await fuzzCommand(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exitCode = 1;
}
