import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const { folderSizes } = createRequire(path.join(root, 'package.json'))('./scripts/lint/folder-sizes.cjs') as {
  folderSizes(of: string): readonly string[];
};

describe('the size of folders', () => {
  let tree: string;

  beforeEach(() => {
    tree = mkdtempSync(path.join(tmpdir(), 'folder-sizes-'));
  });
  afterEach(() => rmSync(tree, { recursive: true, force: true }));

  const fill = (folder: string, files: number, ending = '.ts'): void => {
    mkdirSync(path.join(tree, folder), { recursive: true });
    for (let at = 0; at < files; at++) writeFileSync(path.join(tree, folder, `file-${at}${ending}`), '');
  };

  it('is at most twenty files of a source folder, its specs and the folders below it not counted', () => {
    fill('libs/raft/src/runtime', 20);
    fill('libs/raft/src/runtime', 30, '.spec.ts');
    fill('libs/raft/src/runtime/base', 20);
    expect(folderSizes(tree)).toEqual([]);

    fill('libs/raft/src/runtime/base', 21);
    expect(folderSizes(tree)).toEqual([
      'libs/raft/src/runtime/base holds 21 files, and at most 20 may be in one folder: give one idea of it a folder.',
    ]);
  });

  it('is at most twenty-five files of a folder below test/, specs included', () => {
    fill('test/kernel', 25, '.spec.ts');
    expect(folderSizes(tree)).toEqual([]);

    fill('test/kernel', 1);
    expect(folderSizes(tree)).toEqual([
      'test/kernel holds 26 files, and at most 25 may be in one folder: give one idea of it a folder.',
    ]);
  });

  it('looks at scripts and packages, and not at what is installed or built', () => {
    fill('scripts', 21, '.mjs');
    fill('apps/kv/node_modules/one', 30);
    fill('apps/kv/dist', 30);
    expect(folderSizes(tree)).toEqual([expect.stringMatching(/^scripts holds 21 files/)]);
  });

  it('lets the tables be larger, as long as they are', () => {
    fill('libs/raft/src/state-machine/typeorm', 41);
    expect(folderSizes(tree)).toEqual([]);

    rmSync(path.join(tree, 'libs'), { recursive: true });
    fill('libs/raft/src/state-machine/typeorm', 20);
    expect(folderSizes(tree)).toEqual([expect.stringMatching(/take it off the list of exceptions\.$/)]);
  });
});
