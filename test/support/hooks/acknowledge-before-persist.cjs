// Breaks a node on purpose: its storage says that a batch is durable, and writes it a moment later.
const path = require('node:path');
const { TypeOrmStorage } = require(
  path.resolve(__dirname, '../../../libs/raft/dist/storage/typeorm/typeorm-storage.js'),
);

const delayMs = 50;
const { persist } = TypeOrmStorage.prototype;
let written = Promise.resolve();

TypeOrmStorage.prototype.persist = async function (writes) {
  const due = performance.now() + delayMs;
  written = written.then(async () => {
    await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    await persist.call(this, writes);
  });
  written.catch((error) => process.stderr.write(`${error}\n`));
};
