// The load: wrk where it is installed, otherwise autocannon, in a process of its own either way.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const autocannon = createRequire(import.meta.url).resolve('autocannon/autocannon.js');

/** autocannon makes all requests of a client before it sends the first. */
const pathsPerClient = 50;

export const generator = spawnSync('wrk', ['-v']).error === undefined ? 'wrk' : 'autocannon';

/**
 * Clients that send one request after the other, to these paths.
 *
 * @param {{url: string, method: string, paths: string[], body?: string, clients: number, seconds: number}} load
 * @returns {Promise<{answered: number, perSecond: number, p50Ms: number, p99Ms: number, failed: number}>} `answered`: with success
 * @throws {Error} where the generator can't run
 */
export function generate(load) {
  return generator === 'wrk' ? withWrk(load) : withAutocannon(load);
}

async function withWrk({ url, clients, seconds, ...request }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'raft-bench-'));
  const script = path.join(folder, 'load.lua');
  await writeFile(script, lua(request));
  try {
    const { stdout } = await run(
      'wrk',
      ['-t1', `-c${clients}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url],
      {
        timeout: (seconds + 30) * 1000,
      },
    );
    const line = stdout.split('\n').find((each) => each.startsWith('RESULT '));
    if (line === undefined) throw new Error(`wrk says:\n${stdout}`);
    const [requests, micros, p50, p99, failed, refused] = line.split(' ').slice(1).map(Number);
    const answered = requests - refused;
    return { answered, perSecond: answered / (micros / 1e6), p50Ms: p50 / 1000, p99Ms: p99 / 1000, failed };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lua({ method, paths, body }) {
  const more = body === undefined ? '' : `, {['Content-Type'] = 'application/json'}, [[${body}]]`;
  return `
local paths = {${paths.map((each) => `'${each}'`).join(',')}}
request = function()
  return wrk.format('${method}', paths[math.random(#paths)]${more})
end
done = function(summary, latency)
  local e = summary.errors
  print(string.format('RESULT %d %d %d %d %d %d', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout, e.status))
end
`;
}

async function withAutocannon({ url, method, paths, body, clients, seconds }) {
  const requests = paths.map((each) => ({
    method,
    path: each,
    ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
  }));
  const program = `
    const autocannon = require(${JSON.stringify(autocannon)});
    const requests = ${JSON.stringify(requests)};
    autocannon({
      url: ${JSON.stringify(url)}, connections: ${clients}, duration: ${seconds}, timeout: 10,
      setupClient: (client) => {
        const at = Math.floor(Math.random() * requests.length);
        client.setRequests([...requests, ...requests].slice(at, at + ${pathsPerClient}));
      },
      requests,
    }).then((result) => process.stdout.write(JSON.stringify({
      answered: result.requests.total - result.non2xx,
      perSecond: (result.requests.total - result.non2xx) / result.duration,
      p50Ms: result.latency.p50, p99Ms: result.latency.p99,
      failed: result.errors + result.timeouts + result.non2xx,
    })));`;
  const { stdout } = await run(process.execPath, ['-e', program], { timeout: (seconds + 30) * 1000 });
  return JSON.parse(stdout);
}
