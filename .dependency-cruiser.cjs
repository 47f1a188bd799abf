/**
 * How the library's parts may import each other. What each folder may import is a table, `scripts/lint/folders.cjs`: a list that
 * allows, in order from the floor up, of which rules are made that forbid the rest. What stands here besides is about packages,
 * entry points, and what the table can't say.
 *
 *   nest → client → runtime → { core, storage, transport, state-machine }
 *
 * Each rule is shown to fail by a planted import in test/lint/import-rules.spec.ts.
 */
const { rooms } = require('./scripts/lint/folders.cjs');
const { folderRules } = require('./scripts/lint/folder-rules.cjs');

const src = '^libs/raft/src';
const tests = '\\.(spec|e2e-spec|type-spec)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...folderRules(rooms, tests),
    {
      name: 'core-imports-nothing',
      severity: 'error',
      comment: 'The kernel is pure: no package, no Node built-in, no other room.',
      from: { path: `${src}/core/`, pathNot: tests },
      to: { pathNot: `${src}/core/` },
    },
    {
      name: 'errors-import-nothing',
      severity: 'error',
      comment: 'Errors and their codes are a floor beside the kernel, which never uses them.',
      from: { path: `${src}/errors/`, pathNot: tests },
      to: { pathNot: `${src}/errors/` },
    },
    {
      name: 'contracts-know-core-alone',
      severity: 'error',
      comment: 'A contract is read by whoever implements it: it needs no package and no implementation.',
      from: { path: `${src}/(storage|transport|state-machine)/contract(\\.ts$|/)` },
      to: { pathNot: [`${src}/(core|errors)/`, `${src}/(storage|transport|state-machine)/contract(\\.ts$|/)`] },
    },
    {
      name: 'only-nest-and-tcp-know-nest',
      severity: 'error',
      comment: 'Kernel, runtime and storage run without Nest. The TCP transport stands on Nest’s microservice classes.',
      from: { path: `${src}/(core|storage|runtime|client)/|${src}/transport/(memory/|[^/]+\\.ts$)`, pathNot: tests },
      to: { path: '(^|node_modules/)@nestjs/' },
    },
    {
      name: 'entry-knows-no-companion',
      severity: 'error',
      comment: 'Companions and testing tools are entry points of their own: their peers are optional.',
      from: { path: `${src}/index\\.ts$` },
      to: { path: `${src}/(testing|terminus|prometheus|admin|opentelemetry)/` },
    },
    {
      name: 'typeorm-through-its-entry-only',
      severity: 'error',
      comment: 'typeorm and pg are optional peers: only nestjs-raft/typeorm may load the rooms that need them.',
      from: {
        path: `${src}/`,
        pathNot: [`${src}/(storage|state-machine)/typeorm/`, `${src}/typeorm\\.ts$`, tests],
      },
      to: { path: `${src}/((storage|state-machine)/typeorm/|typeorm\\.ts$)` },
    },
    {
      name: 'optional-peers-in-their-rooms-only',
      severity: 'error',
      comment: 'What may be absent must not be loaded, nor appear in a type, outside its own entry point.',
      from: { path: `${src}/`, pathNot: [`${src}/(storage|state-machine)/typeorm/`, tests] },
      to: { path: '(^|node_modules/)(@types/)?(typeorm|pg|pg-copy-streams|pg-protocol)(/|$)' },
    },
    {
      name: 'companions-alone-know-their-peers',
      severity: 'error',
      comment: 'Swagger is looked for by the admin module where it is installed, and needed for no type.',
      from: {
        path: `${src}/`,
        pathNot: [`${src}/(terminus|prometheus|opentelemetry)/`, `${src}/admin/api-documentation\\.ts$`, tests],
      },
      to: {
        path: '(^|node_modules/)(@nestjs/(terminus|swagger)|prom-client|@opentelemetry)(/|$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'library-knows-no-application',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|examples|test|bench)/' },
    },
    {
      name: 'applications-use-the-package',
      severity: 'error',
      comment: 'The sample application is written as a user’s would be: by package name, through public entry points.',
      from: { path: '^apps/' },
      to: { path: '^libs/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'No file imports itself through others, not even for a type.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'declared-dependencies-only',
      severity: 'error',
      comment: 'A package that isn’t in the nearest package.json is there by luck.',
      from: { path: '^(libs|apps)/', pathNot: [tests, `${src}/testing/`] },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional', 'type-only'],
      },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^dist/', '^libs/[^/]+/dist/', '^bench/results/'] },
    combinedDependencies: false,
    preserveSymlinks: false,
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['nestjs-raft-source', 'import', 'require', 'node', 'default', 'types'],
      mainFields: ['main', 'types', 'typings'],
    },
  },
};
