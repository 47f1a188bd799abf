const base = require('./jest.config.js');

/**
 * Suites that start real processes, two at a time: with time for Postgres to start and for elections. They run the
 * built application (`npm run build`, or `npm test`, which builds what is out of date).
 *
 * @type {import('jest').Config}
 */
module.exports = {
  ...base,
  testMatch: ['**/*.e2e-spec.ts'],
  testEnvironment: '<rootDir>/test/support/process-guard-environment.js',
  maxWorkers: 2,
  testTimeout: 180_000,
};
