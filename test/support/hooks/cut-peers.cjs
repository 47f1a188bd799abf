// On SIGUSR2 a node breaks all its connections to other nodes, dialled and taken alike: a cable that is pulled and put back.
const path = require('node:path');
const { RaftTcpSocket } = require(path.resolve(__dirname, '../../../libs/raft/dist/transport/tcp/raft-tcp-socket.js'));

const open = new Set();
const { sendHandshake } = RaftTcpSocket.prototype;

RaftTcpSocket.prototype.sendHandshake = function (frame) {
  const { socket } = this;
  if (!open.has(socket)) socket.once('close', () => open.delete(socket));
  open.add(socket);
  sendHandshake.call(this, frame);
};

process.on('SIGUSR2', () => open.forEach((socket) => socket.destroy()));
