// What work costs: the processor time of processes, which on a busy machine says more than how long something took.
import { readdir, readFile } from 'node:fs/promises';

const ticksPerSecond = 100;

/**
 * @param {number[]} pids of processes, whose children count, too: a Postgres is many processes
 * @returns {Promise<number | undefined>} seconds so far; undefined where the system doesn't say
 */
export async function processorSeconds(pids) {
  const names = await readdir('/proc').catch(() => []);
  const stats = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(statOf));
  let ticks = 0;
  let found = 0;
  for (const stat of stats) {
    if (stat === undefined || !(pids.includes(stat.pid) || pids.includes(stat.parent))) continue;
    if (pids.includes(stat.pid)) found++;
    // Children that have ended are counted with their parent.
    ticks += stat.own + (pids.includes(stat.pid) ? stat.ended : 0);
  }
  return found < pids.length ? undefined : ticks / ticksPerSecond;
}

async function statOf(pid) {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  return { pid: Number(pid), parent: Number(fields[1]), own: utime + stime, ended: cutime + cstime };
}
