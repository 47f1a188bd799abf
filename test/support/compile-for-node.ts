import { transformFile } from '@swc/core';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..', '..');

/**
 * Compiles applications of tests, so that processes of their own run them: over the built library, as a user's would.
 *
 * @param sources paths from the root of the repository: the file that is run first, then each that it imports
 * @returns the path of the first, compiled
 */
export async function compileForNode(...sources: readonly [string, ...string[]]): Promise<string> {
  const compiled = await Promise.all(
    sources.map(async (source) => {
      const to = join(ROOT, 'dist', 'test-apps', source.replace(/\.ts$/, '.js'));
      const { code } = await transformFile(join(ROOT, source), {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: 'commonjs' },
        jsc: {
          target: 'es2023',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
        },
      });
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, code);
      return to;
    }),
  );
  return compiled[0]!;
}
