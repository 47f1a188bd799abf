import { connectionTo } from './storage-options';

describe('The address of a Postgres', () => {
  it('is passed on where it names a host', () => {
    for (const url of ['postgresql://user:password@host:5433/raft', 'postgres://host/raft?host=other', undefined])
      expect(connectionTo(url)).toEqual({ type: 'postgres', url });
  });

  it('is taken apart where it names the folder of a Unix socket, which TypeORM would pass over', () => {
    expect(connectionTo('postgresql:///my%20db?host=%2Frun%2Fa%20b&port=5433&user=raft')).toEqual({
      type: 'postgres',
      host: '/run/a b',
      port: 5433,
      username: 'raft',
      password: '',
      database: 'my db',
    });
    expect(connectionTo('postgresql://raft:s%2F@ignored/db?host=/run')).toMatchObject({
      host: '/run',
      port: 5432,
      username: 'raft',
      password: 's/',
    });
  });
});
