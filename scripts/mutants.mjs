// Mistakes put back on purpose: the simulator has to catch every one of them.
//
//   npm run mutants                      all of them
//   npm run mutants -- --short           a few, which are caught within a few seeds
import { createRequire } from 'node:module';
import { buildIfNeeded } from './build-if-needed.mjs';

try {
  await buildIfNeeded({ only: ['tools'] });
  const { mutantsCommand } = createRequire(import.meta.url)('../dist/tools/test/simulation/mutants-command.js');
  process.exitCode = await mutantsCommand(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exitCode = 1;
}
