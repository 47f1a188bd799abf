const { TestEnvironment } = require('jest-environment-node');

/**
 * Jest's Node environment, and what a test with real processes needs of the process that runs it. Inside the sandbox
 * `process` is a copy whose 'exit' never comes, and nothing tells a clean-up whether a test failed.
 */
module.exports = class ProcessGuardEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.endings = new Set();
    this.endAll = () => this.endings.forEach((end) => end());
    this.onSignal = () => process.exit(1);
    this.global.testRun = {
      failed: false,
      onProcessExit: (end) => {
        this.endings.add(end);
        return () => this.endings.delete(end);
      },
    };
    process.on('exit', this.endAll);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, this.onSignal);
  }

  handleTestEvent(event) {
    if (event.name === 'test_fn_failure' || event.name === 'hook_failure') this.global.testRun.failed = true;
  }

  async teardown() {
    this.endAll();
    process.off('exit', this.endAll);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, this.onSignal);
    await super.teardown();
  }
};
