// Breaks a node on purpose: its session lets Postgres acknowledge commits before they are on the disk.
const path = require('node:path');
const { PinnedConnection } = require(
  path.resolve(__dirname, '../../../libs/raft/dist/storage/typeorm/connection/pinned-connection.js'),
);

const { connect } = PinnedConnection;

PinnedConnection.connect = async function (...args) {
  const session = await connect.apply(this, args);
  await session.query({ text: 'SET synchronous_commit = off', rowMode: 'array' });
  return session;
};
