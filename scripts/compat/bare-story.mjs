// An application with none of the optional peers: every entry point that promises it is imported and type-checked, and a node runs.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { optionalPeers } from '../package-entries.mjs';
import { run } from './run.mjs';

const FILES = { commonjs: 'commonjs.cjs', module: 'module.mjs' };

export async function bareStory({ folder, variant, log }) {
  // Otherwise this would show nothing.
  const there = optionalPeers.filter((name) => existsSync(path.join(folder, 'node_modules', name)));
  if (there.length > 0) throw new Error(`these optional peers are installed, and shouldn't be: ${there.join(', ')}`);
  const said = await run(process.execPath, [path.join('dist', FILES[variant])], folder);
  const { alone, afterwards, entries } = JSON.parse(said);
  if (alone !== 1 || afterwards !== 1) throw new Error(`it counted wrong: ${said}`);
  log(`${entries} entry points load without ${optionalPeers.length} optional peers; a node and a test's cluster count`);
}
