// Programs that the compatibility check starts.
import { spawn } from 'node:child_process';

const LONGEST_MS = 300_000;

/** @returns {Promise<string>} what it printed @throws with what it printed, where it failed or took more than five minutes */
export async function run(program, programArguments, cwd) {
  const child = spawn(program, programArguments, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
    timeout: LONGEST_MS,
    env: { ...environment(), CI: 'true' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...end) => resolve(end));
  });
  if (code !== 0)
    throw new Error(
      `${program} ${programArguments.join(' ')} ended with ${code ?? signal}:\n${output.slice(-6_000).trim()}`,
    );
  return output;
}

/** What this process has, without what npm tells the scripts of this repository: it would count in the applications' installs. */
export function environment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package|lifecycle|command|execpath|config_(workspace|local_prefix))/.test(name),
    ),
  );
}
