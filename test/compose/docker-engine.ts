import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const PROBE_TIMEOUT_MS = 15_000;
const run = promisify(execFile);

/** Why nothing can be run in containers here, or undefined where a Docker engine with Compose answers. */
export function whyNoEngine(): string | undefined {
  const host = process.env.DOCKER_HOST ?? '';
  if (/^(tcp|ssh|https?):/.test(host)) return `the engine is on another machine (DOCKER_HOST=${host})`;
  for (const args of [['info'], ['compose', 'version']]) {
    const { status, error, stderr } = spawnSync('docker', args, { encoding: 'utf8', timeout: PROBE_TIMEOUT_MS });
    if (error) return `docker ${args.join(' ')}: ${error.message}`;
    if (status !== 0) return `docker ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) ?? `ended with ${status}`}`;
  }
  return undefined;
}

/** @returns what it printed @throws Error with what it said, where it ends with another code than 0 */
export async function docker(args: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  try {
    const { stdout } = await run('docker', args, { env: environment, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() ?? '';
    throw new Error(`docker ${args.join(' ')}\n${said.split('\n').slice(-30).join('\n')}`, { cause: error });
  }
}
