/**
 * The rooms of the library and the one direction in which they may import:
 *
 *   nest → client → runtime → { core, storage, transport, state-machine }
 *
 * The contracts of storage, transport and state-machine know only core; core knows nothing. What an optional peer is needed
 * for is reached through an entry point of its own, so that `nestjs-raft` loads without it.
 */
const src = '^libs/raft/src';
const tests = '\\.(spec|e2e-spec|type-spec)\\.ts$';

/** Everything but the given rooms (and the packages of node_modules, which have rules of their own). */
const otherRooms = (...allowed) => ({
  path: `${src}/`,
  pathNot: allowed.map((room) => `${src}/${room}/`),
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
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
      name: 'storage-knows-only-core',
      severity: 'error',
      comment: 'Storage is a contract over the kernel’s types, and its implementations.',
      from: { path: `${src}/storage/`, pathNot: tests },
      to: otherRooms('core', 'errors', 'storage'),
    },
    {
      name: 'transport-knows-only-core',
      severity: 'error',
      comment: 'Transport is a contract over the kernel’s types, and its implementations.',
      from: { path: `${src}/transport/`, pathNot: tests },
      to: otherRooms('core', 'errors', 'transport'),
    },
    {
      name: 'state-machine-knows-only-core',
      severity: 'error',
      comment: 'A state machine is a contract over the kernel’s types, and its implementations.',
      from: { path: `${src}/state-machine/`, pathNot: tests },
      to: otherRooms('core', 'errors', 'state-machine'),
    },
    {
      name: 'contracts-know-core-alone',
      severity: 'error',
      comment: 'A contract is read by whoever implements it: it needs no package and no implementation.',
      from: { path: `${src}/(storage|transport|state-machine)/contract(\\.ts$|/)` },
      to: { pathNot: [`${src}/(core|errors)/`, `${src}/(storage|transport|state-machine)/contract(\\.ts$|/)`] },
    },
    {
      name: 'one-implementation-knows-no-other',
      severity: 'error',
      comment: 'memory/ and typeorm/, memory/ and tcp/ are exchangeable: what they share belongs beside the contract.',
      from: { path: `${src}/(storage|transport|state-machine)/(memory|typeorm|tcp)/`, pathNot: tests },
      to: {
        path: `${src}/$1/(memory|typeorm|tcp)/`,
        pathNot: `${src}/$1/$2/`,
      },
    },
    {
      name: 'runtime-knows-contracts-not-implementations',
      severity: 'error',
      comment: 'RaftNode gets its storage, transport and state machine handed in: it drives any of them.',
      from: { path: `${src}/runtime/`, pathNot: tests },
      to: {
        path: `${src}/`,
        pathNot: [
          `${src}/(core|errors|runtime)/`,
          `${src}/(storage|transport)/[^/]+\\.ts$`,
          `${src}/state-machine/(contract\\.ts$|(codec|entries|declare|sessions|host)/)`,
        ],
      },
    },
    {
      name: 'client-knows-runtime-and-contracts',
      severity: 'error',
      comment:
        'A client is made of the runtime’s parts for calls. It gets its transport handed in, and has no store and no machine.',
      from: { path: `${src}/client/`, pathNot: tests },
      to: {
        path: `${src}/`,
        pathNot: [
          `${src}/(core|errors|runtime|client)/`,
          `${src}/transport/[^/]+\\.ts$`,
          `${src}/state-machine/(contract\\.ts$|(codec|entries|declare)/)`,
        ],
      },
    },
    {
      name: 'nodes-know-no-client',
      severity: 'error',
      comment: 'Nodes serve clients by what comes over the wire: only Nest’s module for clients makes one.',
      from: { path: `${src}/`, pathNot: [`${src}/(client|nest/client|testing)/`, `${src}/index\\.ts$`, tests] },
      to: { path: `${src}/client/` },
    },
    {
      name: 'only-nest-and-tcp-know-nest',
      severity: 'error',
      comment: 'Kernel, runtime and storage run without Nest. The TCP transport stands on Nest’s microservice classes.',
      from: { path: `${src}/(core|storage|runtime|client)/|${src}/transport/(memory/|[^/]+\\.ts$)`, pathNot: tests },
      to: { path: '(^|node_modules/)@nestjs/' },
    },
    {
      name: 'nest-is-reached-from-outside-only',
      severity: 'error',
      comment: 'Nothing in the library imports nest/ but the entry point, the optional companions and what tests need.',
      from: {
        path: `${src}/`,
        pathNot: [
          `${src}/nest/`,
          `${src}/index\\.ts$`,
          `${src}/(testing|terminus|prometheus|admin|opentelemetry)/`,
          tests,
        ],
      },
      to: { path: `${src}/nest/` },
    },
    {
      name: 'nest-knows-no-companion',
      severity: 'error',
      comment: 'Companions import the module, never the other way: their peers are optional.',
      from: { path: `${src}/(nest/|index\\.ts$)`, pathNot: tests },
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
      name: 'entries-are-not-imported-from-inside',
      severity: 'error',
      comment: 'The root entry gathers; whoever is inside imports the file that it needs.',
      from: { path: `${src}/`, pathNot: [`${src}/testing/`, tests] },
      to: { path: `${src}/index\\.ts$` },
    },
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      comment: 'What users ship must not contain simulators and broken implementations.',
      from: { path: `${src}/`, pathNot: [`${src}/testing/`, tests] },
      to: { path: `${src}/testing/` },
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
      comment: 'Types may refer to each other; code that runs at load may not.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
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
