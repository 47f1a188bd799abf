import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type {
  RaftElectionOptions,
  RaftPeersOptions,
} from '../../libs/raft/src/nest/common/raft-module-options.interface';
import { RAFT_ERRORS } from '../../libs/raft/src/nest/errors/raft-error.table';
import { raftSettings } from '../../libs/raft/src/nest/common/raft-settings';
import { DEFAULT_LIMITS } from '../../libs/raft/src/runtime/options/default-options';
import { DEFAULT_SNAPSHOTS } from '../../libs/raft/src/runtime/options/snapshot-options';
import type { TypeOrmTablesOptions } from '../../libs/raft/src/state-machine/typeorm';
import type { TypeOrmStorageOptions } from '../../libs/raft/src/storage/typeorm';

const ROOT = resolve(__dirname, '..', '..');
const guides = readdirSync(join(ROOT, 'docs', 'guides')).map((name) => `docs/guides/${name}`);
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'libs/raft/README.md',
  ...['docs', 'examples']
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
    )
    .filter((name) => name.endsWith('.md')),
];

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** Names in code in the first column of the tables below a heading. */
function tableNames(page: string, heading: string): string[] {
  const section = read(page)
    .split(/^## /m)
    .find((text) => text.startsWith(heading));
  return [...section!.matchAll(/^\| ((?:`[^`]+`(?:, )?)+) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  );
}

/** Paths that a page links to, from the root of the repository. */
function linksOf(page: string): string[] {
  const text = read(page).replace(/^```[\s\S]*?^```/gm, '');
  return [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => join(dirname(page), target));
}

describe('docs/guides/configuration.md', () => {
  const page = 'docs/guides/configuration.md';

  it('has a row for every option of the module, and for nothing else', () => {
    expect(tableNames(page, '`RaftModule.forRoot(options)`').sort()).toEqual(moduleOptions().sort());
  });

  it('has a row for every limit and for when snapshots are taken', () => {
    const dotted = (prefix: string, names: object): string[] => Object.keys(names).map((name) => `${prefix}.${name}`);
    expect(tableNames(page, '`limits`').sort()).toEqual(dotted('limits', DEFAULT_LIMITS).sort());
    expect(tableNames(page, '`snapshots`').sort()).toEqual(dotted('snapshots', DEFAULT_SNAPSHOTS).sort());
  });

  it('has a row for every option of elections, peers, storage and tables', () => {
    // `Record<keyof …>` makes a forgotten name a compile error.
    const election: Record<keyof RaftElectionOptions, true> = { timeoutMs: true, heartbeatIntervalMs: true };
    const peers: Record<keyof RaftPeersOptions, true> = {
      listen: true,
      advertise: true,
      secret: true,
      secretFile: true,
      tls: true,
      insecure: true,
      clients: true,
      maxFrameBytes: true,
      maxConnections: true,
      credentialsCheckMs: true,
      helloTimeoutMs: true,
    };
    const storage: Record<keyof TypeOrmStorageOptions, true> = { schema: true, lockWaitMs: true };
    const tables: Record<Exclude<keyof TypeOrmTablesOptions, 'url' | 'dataSource' | 'dataSourceOptions'>, true> = {
      entities: true,
      schema: true,
      poolSize: true,
      allowTriggers: true,
      retryForMs: true,
      commandsPerTransaction: true,
    };
    expect(tableNames(page, '`election`')).toEqual(Object.keys(election).map((name) => `election.${name}`));
    expect(tableNames(page, '`peers`')).toEqual(Object.keys(peers).map((name) => `peers.${name}`));
    expect(tableNames(page, '`typeOrmStorage(options)`')).toEqual(Object.keys(storage));
    expect(tableNames(page, '`typeOrmTables(options)`')).toEqual(Object.keys(tables));
  });

  it('says the defaults that the code has', () => {
    const text = read(page);
    const shown = (value: number): string =>
      value % 1_048_576 === 0
        ? `${value / 1_048_576} MiB`
        : value % 1024 === 0
          ? `${value / 1024} KiB`
          : value.toLocaleString('en');
    for (const [name, value] of Object.entries(DEFAULT_LIMITS))
      expect(text).toContain(`| \`limits.${name}\` | ${shown(value)} |`);
    const { requestTimeoutMs, shutdownTimeoutMs, electionTimeoutMs } = raftSettings({}, 'default');
    expect(text).toContain(`| \`requestTimeoutMs\` | ${shown(requestTimeoutMs)} |`);
    expect(text).toContain(`| \`shutdownTimeoutMs\` | ${shown(shutdownTimeoutMs)} |`);
    expect(text).toContain(`| \`election.timeoutMs\` | ${shown(electionTimeoutMs)} |`);
    expect(text).toContain(`| \`snapshots.afterEntries\` | ${shown(DEFAULT_SNAPSHOTS.afterEntries)} |`);
    expect(text).toContain(`| \`snapshots.afterBytes\` | ${shown(DEFAULT_SNAPSHOTS.afterBytes)} |`);
    expect(text).toContain(`| \`snapshots.trailingEntries\` | ${shown(DEFAULT_SNAPSHOTS.trailingEntries)}, from 0 |`);
    expect(text).toContain(`| \`snapshots.trailingBytes\` | ${shown(DEFAULT_SNAPSHOTS.trailingBytes)}, from 0 |`);
  });

  it('has every variable of raftOptionsFromEnv()', () => {
    const source = read('libs/raft/src/nest/common/raft-options-from-env.ts');
    const variables = new Set([...source.matchAll(/'(RAFT_[A-Z_]+)'/g)].map(([, name]) => name!));
    variables.delete('RAFT_CONFIGURATION');
    expect(tableNames(page, '`raftOptionsFromEnv()`').sort()).toEqual([...variables].sort());
  });

  /** As the module itself lists them when it meets another. */
  function moduleOptions(): string[] {
    try {
      raftSettings({ nonsense: true } as object, 'default');
    } catch (error) {
      return /Write one of (.*)\./.exec((error as Error).message)![1]!.split(', ');
    }
    throw new Error('An option that is none was taken');
  }
});

describe('The guides', () => {
  it('say for every error code what it comes from and what to do', () => {
    const rows = read('docs/guides/troubleshooting.md').match(/^\| `RAFT_[A-Z_]+` \|[^|]+\|[^|]*\|[^|]+\|$/gm)!;
    expect(rows.map((row) => /`(RAFT_[A-Z_]+)`/.exec(row)![1])).toEqual(Object.keys(RAFT_ERRORS));
  });

  it('are each linked in both READMEs and in the index', () => {
    for (const page of ['README.md', 'libs/raft/README.md', 'docs/README.md'])
      expect([page, guides.filter((guide) => !linksOf(page).includes(guide))]).toEqual([page, []]);
  });

  it('link to what is there', () => {
    const dead = pages.flatMap((page) =>
      linksOf(page)
        .filter((target) => !existsSync(join(ROOT, target)))
        .map((target) => `${page}: ${target}`),
    );
    expect(dead).toEqual([]);
  });
});
