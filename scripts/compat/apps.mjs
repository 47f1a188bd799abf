// The applications that the packed library has to work in. Versions are exact, so that a run fails for what was changed here.
const nest11 = {
  '@nestjs/common': '11.2.10',
  '@nestjs/core': '11.2.10',
  '@nestjs/microservices': '11.2.6',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
};
const nest12 = { ...nest11, '@nestjs/common': '12.5.1', '@nestjs/core': '12.5.1', '@nestjs/microservices': '12.1.1' };
const postgres = { typeorm: '1.1.1', pg: '8.23.1' };
const nodeTypes = { '@types/node': '20.19.43' };

/**
 * `story`: `quick start` is that of the README, in three processes; `bare` has none of the optional peers. `variants` are the ways
 * to run it, one after the other in the same installation.
 */
export const apps = [
  {
    name: 'cjs-nest-11',
    type: 'commonjs',
    manager: 'npm',
    story: 'quick start',
    variants: ['express', 'fastify'],
    dependencies: {
      ...nest11,
      ...postgres,
      '@nestjs/platform-express': '11.2.10',
      '@nestjs/platform-fastify': '11.2.8',
    },
    // As `nest new` of this line has it.
    devDependencies: { ...nodeTypes, typescript: '5.9.3' },
  },
  {
    name: 'esm-nest-12',
    type: 'module',
    manager: 'npm',
    story: 'quick start',
    variants: ['express', 'fastify'],
    dependencies: {
      ...nest12,
      ...postgres,
      '@nestjs/platform-express': '12.5.1',
      '@nestjs/platform-fastify': '12.5.0',
    },
    devDependencies: { ...nodeTypes, typescript: '6.0.3' },
  },
  {
    name: 'pnpm-bare',
    type: 'commonjs',
    manager: 'pnpm',
    story: 'bare',
    variants: ['commonjs', 'module'],
    dependencies: nest11,
    devDependencies: { ...nodeTypes, typescript: '6.0.3' },
  },
];
