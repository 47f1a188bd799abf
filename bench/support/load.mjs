// The load: wrk where it is installed, otherwise autocannon, in a process of its own either way.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const autocannon = createRequire(import.meta.url).resolve('autocannon/autocannon.js');

export const keyCount = 1_000;
/** 128 bytes of JSON. */
export const value = JSON.stringify({ text: 'x'.repeat(117) });

export const generator = spawnSync('wrk', ['-v']).error === undefined ? 'wrk' : 'autocannon';

/**
 * @param {{url: string, method: 'PUT' | 'GET', clients: number, seconds: number}} load
 * @returns {Promise<{perSecond: number, p50Ms: number, p99Ms: number, failed: number}>}
 * @throws {Error} where the generator can't run
 */
export function generate(load) {
  return generator === 'wrk' ? withWrk(load) : withAutocannon(load);
}

async function withWrk({ url, method, clients, seconds }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'raft-bench-'));
  const script = path.join(folder, 'load.lua');
  await writeFile(script, lua(method));
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
    const [requests, micros, p50, p99, failed] = line.split(' ').slice(1).map(Number);
    return { perSecond: requests / (micros / 1e6), p50Ms: p50 / 1000, p99Ms: p99 / 1000, failed };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lua(method) {
  const request =
    method === 'PUT'
      ? `wrk.format('PUT', path, {['Content-Type'] = 'application/json'}, [[${value}]])`
      : `wrk.format('GET', path)`;
  return `
request = function()
  local path = '/key' .. math.random(0, ${keyCount - 1})
  return ${request}
end
done = function(summary, latency)
  local e = summary.errors
  print(string.format('RESULT %d %d %d %d %d', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}

async function withAutocannon({ url, method, clients, seconds }) {
  const requests = Array.from({ length: keyCount }, (_, at) => ({
    method,
    path: `/key${at}`,
    ...(method === 'PUT' && { body: value, headers: { 'content-type': 'application/json' } }),
  }));
  const program = `
    const autocannon = require(${JSON.stringify(autocannon)});
    const requests = ${JSON.stringify(requests)};
    autocannon({
      url: ${JSON.stringify(url)}, connections: ${clients}, duration: ${seconds}, timeout: 10,
      setupClient: (client) => {
        const at = Math.floor(Math.random() * requests.length);
        client.setRequests([...requests.slice(at), ...requests.slice(0, at)]);
      },
      requests,
    }).then((result) => process.stdout.write(JSON.stringify({
      perSecond: (result.requests.total - result.non2xx) / result.duration,
      p50Ms: result.latency.p50, p99Ms: result.latency.p99,
      failed: result.errors + result.timeouts + result.non2xx,
    })));`;
  const { stdout } = await run(process.execPath, ['-e', program], { timeout: (seconds + 30) * 1000 });
  return JSON.parse(stdout);
}
