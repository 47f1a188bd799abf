const { existsSync } = require('node:fs');

/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  roots: ['libs', 'apps', 'examples', 'test', 'bench'].map((room) => `${__dirname}/${room}`).filter(existsSync),
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/libs/[^/]+/dist/'],
  testEnvironment: 'node',
  // Specs import the library by its name and get its sources: no build, no moduleNameMapper.
  testEnvironmentOptions: {
    customExportConditions: ['nestjs-raft-source', 'node', 'node-addons', 'require', 'default'],
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: 'commonjs' },
        jsc: {
          target: 'es2023',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true, dynamicImport: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
        },
      },
    ],
  },
  setupFiles: ['reflect-metadata'],
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  maxWorkers: 2,
  // Stories of many simulated minutes are long on a machine that does other things, too.
  testTimeout: 120_000,
};
