// Breaks a node on purpose: its session lets Postgres acknowledge commits before they are on the disk.
const path = require('node:path');
const { PinnedSession } = require(path.resolve(__dirname, '../../../libs/raft/dist/storage/typeorm/connection/pinned-session.js'));

const { connect } = PinnedSession;

PinnedSession.connect = async function (...args) {
  const session = await connect.apply(this, args);
  await session.query({ text: 'SET synchronous_commit = off', rowMode: 'array' });
  return session;
};
