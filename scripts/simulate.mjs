// The simulator: whole clusters in virtual time, with everything that goes wrong drawn from one number.
//
//   npm run simulate -- --seeds 2000 --first 1
//   npm run simulate -- --seed 17 --verbose        the same run again, step by step
import { createRequire } from 'node:module';
import { buildIfNeeded } from './build-if-needed.mjs';

try {
  await buildIfNeeded({ only: ['tools'] });
  const { simulateCommand } = createRequire(import.meta.url)('../dist/tools/test/simulation/simulate-command.js');
  process.exitCode = await simulateCommand(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exitCode = 1;
}
