// Redis over a unix socket: SET id 1 NX for each id, one write a batch, replies of five bytes each; nothing is
// persisted. Its server runs on the same core.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const BEFORE = Buffer.from('*4\r\n$3\r\nSET\r\n$16\r\n');
const AFTER = Buffer.from('\r\n$1\r\n1\r\n$2\r\nNX\r\n');
const COMMAND_BYTES = BEFORE.length + 16 + AFTER.length;
const REPLY_BYTES = 5; // +OK or $-1, and a line end
const PLUS = 0x2b;
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

export async function open({ directory, batchKeys }) {
  const path = join(directory, 'redis.sock');
  const options = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', directory];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  const socket = await connected(path);
  const commands = Buffer.alloc(COMMAND_BYTES * batchKeys);
  for (let at = 0; at < commands.length; at += COMMAND_BYTES) {
    commands.set(BEFORE, at);
    commands.set(AFTER, at + BEFORE.length + 16);
  }
  let verdicts;
  let answered = 0;
  let done;
  socket.on('data', (replies) => {
    for (let at = (REPLY_BYTES - (answered % REPLY_BYTES)) % REPLY_BYTES; at < replies.length; at += REPLY_BYTES) {
      verdicts[(answered + at) / REPLY_BYTES] = replies[at] === PLUS ? 0 : 1;
    }
    answered += replies.length;
    if (answered === batchKeys * REPLY_BYTES) done();
  });
  return {
    judge({ bytes }, into) {
      for (let at = 0; at < batchKeys; at++)
        bytes.copy(commands, at * COMMAND_BYTES + BEFORE.length, at * 16, at * 16 + 16);
      [verdicts, answered] = [into, 0];
      return new Promise((resolve) => {
        done = resolve;
        socket.write(commands);
      });
    },
    server: {
      cpuMs: () => {
        const fields = readFileSync(`/proc/${server.pid}/stat`, 'latin1').split(') ')[1].split(' ');
        return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
      },
      rssMiB: () =>
        Math.round((Number(readFileSync(`/proc/${server.pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES) / 2 ** 20),
    },
    async close() {
      socket.destroy();
      server.kill();
      await new Promise((resolve) => server.on('exit', resolve));
    },
  };
}

async function connected(path) {
  for (let attempt = 0; ; attempt++) {
    const socket = connect(path);
    const error = await new Promise((resolve) => {
      socket.once('connect', () => resolve());
      socket.once('error', resolve);
    });
    if (error === undefined) return socket;
    if (attempt === 100) throw error;
    await setTimeout(50);
  }
}
