/** What is used of `pg`'s client. */
export interface StatementClient {
  query(statement: unknown, values?: unknown, ...more: unknown[]): unknown;
}

const MOST_NAMES = 256;
const MOST_TEXTS = 1024;

/**
 * Has the server parse and plan once what commands send again and again: from its second time on, a text with parameters is a
 * prepared statement. Texts that are new each time, as they have values in them, stay what they were.
 *
 * @param client of the session that applies, for as long as that lasts
 */
export function prepareWhatComesAgain(client: StatementClient): void {
  const names = new Map<string, string>();
  const once = new Set<string>();
  const send = client.query.bind(client);
  client.query = (statement, values, ...more) => {
    if (typeof statement !== 'string' || !Array.isArray(values) || values.length === 0)
      return send(statement, values, ...more);
    let name = names.get(statement);
    if (name === undefined && once.delete(statement) && names.size < MOST_NAMES) {
      name = `nestjs_raft_${names.size + 1}`;
      names.set(statement, name);
    }
    if (name !== undefined) return send({ name, text: statement, values }, ...more);
    if (once.size >= MOST_TEXTS) once.clear();
    once.add(statement);
    return send(statement, values, ...more);
  };
}
