import { prepareWhatComesAgain } from './prepared-statements';

describe('what a session that applies sends', () => {
  const sent: unknown[][] = [];
  let client: { query(...statement: unknown[]): unknown };
  beforeEach(() => {
    sent.length = 0;
    client = { query: (...statement) => sent.push(statement) };
    prepareWhatComesAgain(client);
  });

  it('is a prepared statement from its second time on, where it has parameters', () => {
    for (const value of [1, 2, 3]) client.query('SELECT $1', [value]);
    client.query('UPDATE a SET b = $1', [1]);
    client.query('UPDATE a SET b = $1', [2]);
    expect(sent).toEqual([
      ['SELECT $1', [1]],
      [{ name: 'nestjs_raft_1', text: 'SELECT $1', values: [2] }],
      [{ name: 'nestjs_raft_1', text: 'SELECT $1', values: [3] }],
      ['UPDATE a SET b = $1', [1]],
      [{ name: 'nestjs_raft_2', text: 'UPDATE a SET b = $1', values: [2] }],
    ]);
  });

  it('stays what it was without parameters, as it may be several statements, and where it is no text', () => {
    const stream = { submit: () => undefined };
    for (let time = 0; time < 3; time++) {
      client.query('COMMIT');
      client.query('SELECT 1; SELECT 2', []);
      client.query(stream);
    }
    expect(sent.every(([statement]) => typeof statement === 'string' || statement === stream)).toBe(true);
  });

  it('has a bounded number of names', () => {
    for (let text = 0; text < 2000; text++) {
      client.query(`SELECT $1, ${text}`, [1]);
      client.query(`SELECT $1, ${text}`, [1]);
    }
    const names = new Set(
      sent.flatMap(([statement]) => (typeof statement === 'object' ? [(statement as { name: string }).name] : [])),
    );
    expect(names.size).toBe(256);
  });
});
