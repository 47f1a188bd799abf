const base = require('./jest.config.js');

/**
 * Suites that start real processes, one at a time: each fills two cores, and what it asks of time-outs holds only without another.
 * There is time for Postgres to start and for elections. They run the
 * built application (`npm run build`, or `npm test`, which builds what is out of date).
 *
 * @type {import('jest').Config}
 */
module.exports = {
  ...base,
  testMatch: ['**/*.e2e-spec.ts'],
  testEnvironment: '<rootDir>/test/support/process-guard-environment.js',
  maxWorkers: 1,
  testTimeout: 180_000,
};
