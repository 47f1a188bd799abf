// The demo's command line.
import path from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `Usage: npm run demo [-- OPTIONS]

Starts a cluster of the sample app on 127.0.0.1, each node with a Postgres of its own.

  --base-port PORT             HTTP port of the first node, the others follow (default 9023)
  --nodes N                    1 to 9 (default 3)
  --storage embedded|memory    default embedded
  --data-dir DIR               default .raft; survives a restart
  --fresh                      begin anew: delete the data first
  --smoke                      do what a person would: write, read, kill the leader, cut the power, compare; end with 0 or 1
`;

/** @returns {object | 'help'} @throws {Error} with a sentence, for a malformed flag */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      'base-port': { type: 'string' },
      nodes: { type: 'string', default: '3' },
      storage: { type: 'string', default: 'embedded' },
      'data-dir': { type: 'string' },
      fresh: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const nodes = wholeNumber('--nodes', values.nodes, 1, 9);
  if (!['embedded', 'memory'].includes(values.storage))
    throw new Error(`--storage: "${values.storage}" is neither embedded nor memory`);
  if (values.smoke && values.storage === 'memory')
    throw new Error('--smoke cuts the power of all nodes at once, which storage in memory does not survive');
  const basePort =
    values['base-port'] === undefined ? undefined : wholeNumber('--base-port', values['base-port'], 1, 65_535 - nodes);
  return {
    nodes,
    storage: values.storage,
    fresh: values.fresh,
    smoke: values.smoke,
    basePort: basePort ?? 9023,
    // A smoke test minds neither a demo that is running nor its data, unless it is told to.
    freePorts: values.smoke && basePort === undefined,
    dataDir: values['data-dir'] === undefined ? undefined : path.resolve(values['data-dir']),
  };
}

function wholeNumber(flag, text, least, most) {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new Error(`${flag}: "${text}" isn't a whole number from ${least} to ${most}`);
  return value;
}
