// A node writes what its process looks like from within, one JSON a line, to `vitals-PID.jsonl` in its working directory: its
// memory, how late its event loop was and the longest pause of its garbage collector since the line before, and how many
// messages it has sent to other nodes so far.
const { appendFileSync } = require('node:fs');
const path = require('node:path');
const { monitorEventLoopDelay, PerformanceObserver } = require('node:perf_hooks');

const { RaftTcpSocket } = require(path.resolve(__dirname, '../../../libs/raft/dist/transport/tcp/raft-tcp-socket.js'));

const EVERY_MS = 250;
const file = path.join(process.cwd(), `vitals-${process.pid}.jsonl`);
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

let gcPauseMs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcPauseMs = Math.max(gcPauseMs, duration);
}).observe({ entryTypes: ['gc'] });

let framesSent = 0;
const { handleSend } = RaftTcpSocket.prototype;
RaftTcpSocket.prototype.handleSend = function (frame) {
  framesSent++;
  handleSend.call(this, frame);
};

setInterval(() => {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const line = {
    atMs: Date.now(),
    rssBytes: rss,
    heapBytes: heapUsed,
    arrayBufferBytes: arrayBuffers,
    delayP99Ms: delay.percentile(99) / 1e6,
    delayMaxMs: delay.max / 1e6,
    gcPauseMs,
    framesSent,
  };
  gcPauseMs = 0;
  delay.reset();
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}, EVERY_MS).unref();
