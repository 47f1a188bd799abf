import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

interface AllowList {
  readonly folder: string;
  readonly imports: readonly string[];
}

interface Room {
  readonly room: string;
  readonly why: string;
  readonly takes: readonly string[];
  readonly folders: Readonly<Record<string, readonly string[]>>;
}

interface Rule {
  readonly name: string;
}

interface Violation {
  readonly from: string;
  readonly rule: Rule;
}

const root = path.resolve(__dirname, '../..');
const load = createRequire(path.join(root, 'package.json'));
const { rooms } = load('./scripts/lint/folders.cjs') as { readonly rooms: readonly Room[] };
const { allowLists, folderRules } = load('./scripts/lint/folder-rules.cjs') as {
  allowLists(of: readonly Room[]): readonly AllowList[];
  folderRules(of: readonly Room[], tests: string): readonly Rule[];
};
const { forbidden } = load('./.dependency-cruiser.cjs') as { readonly forbidden: readonly Rule[] };

const SRC = 'libs/raft/src';
const lists = allowLists(rooms);

/** What breaks each rule that isn't a folder's: the file that is planted, and what it imports. */
const PLANTS: Readonly<Record<string, { readonly file: string; readonly text: string }>> = {
  'every-folder-has-a-list': { file: `${SRC}/core/base/p1.ts`, text: "import type { X } from '../unlisted/stub';" },
  'core-imports-nothing': { file: `${SRC}/core/base/p2.ts`, text: "import 'node:fs';" },
  'errors-import-nothing': { file: `${SRC}/errors/p3.ts`, text: "import 'node:fs';" },
  'contracts-know-core-alone': { file: `${SRC}/storage/contract.ts`, text: "import type { X } from './stub';" },
  'only-nest-and-tcp-know-nest': { file: `${SRC}/runtime/base/p4.ts`, text: "import '@nestjs/common';" },
  'entry-knows-no-companion': { file: `${SRC}/index.ts`, text: "import './testing/stub'; import './typeorm';" },
  'typeorm-through-its-entry-only': { file: `${SRC}/index.ts`, text: "import './testing/stub'; import './typeorm';" },
  'optional-peers-in-their-rooms-only': {
    file: `${SRC}/runtime/base/p5.ts`,
    text: "import type { X } from 'typeorm';",
  },
  'companions-alone-know-their-peers': {
    file: `${SRC}/nest/common/p6.ts`,
    text: "import { X } from 'prom-client'; X;",
  },
  'library-knows-no-application': {
    file: `${SRC}/nest/common/p7.ts`,
    text: "import '../../../../../apps/kv/src/stub';",
  },
  'applications-use-the-package': {
    file: 'apps/kv/src/p8.ts',
    text: `import '../../../${SRC}/errors/stub';`,
  },
  'no-circular': {
    file: `${SRC}/core/base/circle-a.ts`,
    text: "import type { B } from './circle-b'; export type A = B;",
  },
  'declared-dependencies-only': { file: `${SRC}/nest/common/p11.ts`, text: "import { X } from 'undeclared'; X;" },
  resolvable: { file: `${SRC}/nest/common/p12.ts`, text: "import './missing';" },
};

/** A file that an entry of a list means, in the planted tree. */
function stubIn(place: string): string {
  if (place.endsWith('.ts')) return place;
  const isWithin = ({ folder }: AllowList): boolean => folder.startsWith(place.slice(0, -2)) && !folder.endsWith('.ts');
  return place.endsWith('/**') ? `${lists.find(isWithin)?.folder ?? place.slice(0, -3)}/stub.ts` : `${place}/stub.ts`;
}

function importOf(from: string, to: string): string {
  const relative = path.relative(path.dirname(from), to).replace(/\.ts$/, '');
  return `import type {} from '${relative.startsWith('.') ? relative : `./${relative}`}';`;
}

/** Whether the list lets the folder import that place. */
function allows({ folder, imports }: AllowList, place: string): boolean {
  return [folder, ...imports].some(
    (entry) => entry === place || (entry.endsWith('/**') && `${place}/`.startsWith(entry.slice(0, -2))),
  );
}

/** Of its own room, all that a folder may not import; of each other room, the first. */
function notAllowed(list: AllowList): readonly string[] {
  const roomOf = (folder: string): string => folder.split('/')[0]!;
  const others = lists.map(({ folder }) => folder).filter((folder) => !allows(list, folder) && !folder.endsWith('.ts'));
  const isFirst = (folder: string): boolean => others.find((other) => roomOf(other) === roomOf(folder)) === folder;
  return others.filter((folder) => roomOf(folder) === roomOf(list.folder) || isFirst(folder));
}

const plantedIn = ({ folder }: AllowList): string => (folder.endsWith('.ts') ? folder : `${folder}/forbidden.ts`);

describe('the import rules', () => {
  let tree: string;
  let violations: readonly Violation[];

  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    writeFileSync(path.join(tree, file), `${text}\nexport type X = 1;\n`);
  };
  const brokenBy = (file: string): string[] =>
    violations.filter(({ from }) => from === file).map(({ rule }) => rule.name);

  /** The layout of the library: in each folder one file that imports what it may, and one that imports what it may not. */
  function plantFolders(): void {
    for (const list of lists) {
      write(`${SRC}/${stubIn(list.folder)}`, '');
      const allowed = list.imports.map(stubIn);
      if (list.folder.endsWith('.ts')) continue;
      const at = `${list.folder}/allowed.ts`;
      write(`${SRC}/${at}`, allowed.map((stub) => importOf(at, stub)).join('\n'));
      write(`${SRC}/${list.folder}/unlisted.spec.ts`, importOf(at, 'testing/stub.ts'));
    }
    for (const list of lists) {
      const at = plantedIn(list);
      write(
        `${SRC}/${at}`,
        notAllowed(list)
          .map((place) => importOf(at, stubIn(place)))
          .join('\n'),
      );
    }
  }

  function plantPackages(): void {
    for (const name of ['@nestjs/common', 'typeorm', 'prom-client', 'undeclared']) {
      const folder = path.join(tree, 'node_modules', name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
      writeFileSync(path.join(folder, 'index.js'), '');
    }
    const peers = { '@nestjs/common': '*', typeorm: '*', 'prom-client': '*' };
    writeFileSync(path.join(tree, 'libs/raft/package.json'), JSON.stringify({ name: 'lib', peerDependencies: peers }));
    writeFileSync(path.join(tree, 'package.json'), JSON.stringify({ name: 'tree' }));
    writeFileSync(path.join(tree, 'tsconfig.json'), '{}');
  }

  beforeAll(async () => {
    tree = mkdtempSync(path.join(tmpdir(), 'import-rules-'));
    plantFolders();
    write(`${SRC}/core/unlisted/stub.ts`, '');
    write(`${SRC}/core/base/circle-b.ts`, "import type { A } from './circle-a'; export type B = A;");
    write(`${SRC}/typeorm.ts`, '');
    write('apps/kv/src/stub.ts', '');
    for (const { file, text } of Object.values(PLANTS)) write(file, text);
    plantPackages();
    const cruiser = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const config = path.join(root, '.dependency-cruiser.cjs');
    const output = await promisify(execFile)(
      process.execPath,
      [cruiser, '--config', config, '--output-type', 'json', 'libs', 'apps'],
      { cwd: tree, maxBuffer: 1 << 28 },
    ).catch((error: unknown) => error as { readonly stdout: string });
    violations = (JSON.parse(output.stdout) as { readonly summary: { readonly violations: Violation[] } }).summary
      .violations;
  });

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  it.each(lists.map((list) => [list.folder, list] as const))(
    '%s imports nothing but what its list has',
    (folder, list) => {
      const broken = brokenBy(`${SRC}/${plantedIn(list)}`).filter((name) => name === folder);
      expect(broken).toHaveLength(notAllowed(list).length);
      expect(broken.length).toBeGreaterThan(0);
    },
  );

  it('let a folder import what its list has, and a spec anything', () => {
    const wrong = violations.filter(({ from }) => /\/(allowed|unlisted\.spec)\.ts$/.test(from));
    expect(wrong).toEqual([]);
  });

  it.each(Object.keys(PLANTS))('%s is broken by the import that is planted for it', (name) => {
    expect(brokenBy(PLANTS[name]!.file)).toContain(name);
  });

  it('are all shown to fail', () => {
    const shown = [...lists.map(({ folder }) => folder), ...Object.keys(PLANTS)];
    expect(forbidden.map(({ name }) => name).toSorted()).toEqual(shown.toSorted());
  });

  it('keep a folder from importing one that doesn’t stand before it in the table', () => {
    const room = { room: 'core', why: '', takes: [], folders: { './base': ['./state'], './state': [] } };
    expect(() => folderRules([room], '')).toThrow('core/base import core/state, which doesn');
    expect(() => folderRules([{ ...room, takes: ['nest/**'], folders: { './base': [] } }], '')).toThrow('nest/**');
  });

  it('hold runtime and client to the contract, the codec, the entries and the host of state machines', () => {
    const taken = (room: string): readonly string[] => {
      const own = lists.filter(({ folder }) => folder === room || folder.startsWith(`${room}/`));
      const places = own.flatMap(({ imports }) => imports).filter((place) => place.startsWith('state-machine'));
      return [...new Set(places)].toSorted();
    };
    const entries = ['state-machine/codec', 'state-machine/contract.ts', 'state-machine/entries'];
    expect(taken('client')).toEqual(entries);
    expect(taken('runtime')).toEqual([...entries, 'state-machine/host']);
  });
});
