// A fresh application in a folder: what `nest new` writes, and what its user adds.
import { readFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { entryPoints, manifest, packageFolder } from '../package-entries.mjs';
import { run } from './run.mjs';

const PNPM = 'pnpm@10.34.9';

/** @returns {Promise<void>} when the sources and settings of the application are in its folder */
export async function writeApp(app, folder, tarball) {
  const { name, type, dependencies, devDependencies } = app;
  const isModule = type === 'module';
  const files = {
    'package.json': JSON.stringify({
      name,
      version: '0.0.1',
      private: true,
      type,
      dependencies: { ...dependencies, [manifest.name]: `file:${tarball}` },
      devDependencies,
    }),
    'tsconfig.json': JSON.stringify({ compilerOptions, include: ['src'] }),
    ...(app.story === 'quick start' ? await quickStart(isModule) : await bare()),
  };
  await mkdir(path.join(folder, 'src'));
  for (const [file, text] of Object.entries(files)) await writeFile(path.join(folder, file), text);
}

/** Brings in the packages: by npm, or by pnpm, which lets a package see only what it names. */
export async function installApp({ manager }, folder, caches) {
  const quiet = ['--ignore-scripts', '--prefer-offline'];
  if (manager === 'npm') return run('npm', ['install', ...quiet, '--no-audit', '--no-fund'], folder);
  const store = path.join(caches, 'pnpm-store');
  const isolated = ['--config.node-linker=isolated', `--store-dir=${store}`, '--reporter=append-only'];
  return run('npx', ['--yes', PNPM, 'install', ...quiet, ...isolated], folder);
}

/** Compiles it by its own compiler, which looks into the declarations of every package, too. */
export async function typeCheck(folder) {
  await run(process.execPath, [path.join(folder, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], folder);
}

/** Those of `nest new`, but strict, and with no library's declarations left out. */
const compilerOptions = {
  module: 'nodenext',
  moduleResolution: 'nodenext',
  resolvePackageJsonExports: true,
  esModuleInterop: true,
  isolatedModules: true,
  declaration: true,
  removeComments: true,
  emitDecoratorMetadata: true,
  experimentalDecorators: true,
  target: 'ES2023',
  types: ['node'],
  sourceMap: true,
  rootDir: './src',
  outDir: './dist',
  strict: true,
  skipLibCheck: false,
  forceConsistentCasingInFileNames: true,
};

async function quickStart(isModule) {
  const extension = isModule ? '.js' : '';
  const main = (imports, create) => `import { NestFactory } from '@nestjs/core';
${imports}import { AppModule } from './app.module${extension}';

async function bootstrap() {
  const app = await NestFactory.create${create};
  app.enableShutdownHooks();
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`;
  const fastify = `import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';\n`;
  return {
    'src/app.module.ts': await fromReadme('src/app.module.ts'),
    'src/main.ts': main('', '(AppModule)'),
    'src/main-fastify.ts': main(fastify, '<NestFastifyApplication>(AppModule, new FastifyAdapter())'),
  };
}

async function fromReadme(file) {
  const readme = await readFile(path.join(packageFolder, 'README.md'), 'utf8');
  const marker = `<!-- quick start: ${file} -->\n\`\`\`ts\n`;
  const from = readme.indexOf(marker);
  if (from < 0) throw new Error(`libs/raft/README.md has no block of code below ${marker.split('\n')[0]}`);
  const start = from + marker.length;
  return readme.slice(start, readme.indexOf('```', start));
}

/** Everything that needs no optional peer, as a CommonJS file and as an ES module. */
async function bare() {
  const entries = (await entryPoints()).filter(({ needs }) => needs.length === 0);
  const imports = entries.map(({ specifier }, at) => `import * as entry${at} from '${specifier}';`).join('\n');
  const program = (await readFile(path.join(import.meta.dirname, 'bare-app.ts.txt'), 'utf8')).replace(
    '// (imports of every entry point)',
    `${imports}\n\nexport const entries = [${entries.map((_, at) => `entry${at}`).join(', ')}];`,
  );
  return { 'src/commonjs.cts': program, 'src/module.mts': program };
}
