import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RaftNode, raftNodeOptions, StateMachineHost } from 'nestjs-raft';
import { typeOrmStorage } from 'nestjs-raft/typeorm';
import { startEmbeddedPostgres } from '../../apps/kv/src/embedded-postgres';
import { MemoryNetwork } from '../../libs/raft/src/transport/memory';

describe('A node whose database is reached by a Unix socket alone', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'raft-socket-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('leads, and finds its log again', async () => {
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
    try {
      const terms: number[] = [];
      for (let life = 0; life < 2; life++) {
        const node = new RaftNode(
          raftNodeOptions({
            nodeId: 'n1',
            storage: typeOrmStorage({ url: postgres.url }),
            transport: new MemoryNetwork({ redialMs: 20 }).transport('127.0.0.1:7001'),
            stateMachine: new StateMachineHost([]),
            electionTimeoutMs: 300,
            heartbeatIntervalMs: 50,
          }),
        );
        await node.start();
        await node.barrier();
        terms.push(node.status().term);
        await node.stop();
      }
      expect(terms[1]).toBeGreaterThan(terms[0]!);
    } finally {
      await postgres.stop();
    }
  });
});
