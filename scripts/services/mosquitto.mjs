// A real Mosquitto for the service suite: on free loopback ports, with its persistence in a directory of its own.
//   node scripts/services/mosquitto.mjs DIRECTORY    starts it there, prints its address, and stops it on Ctrl-C
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { accepts, freePorts } from './ports.mjs';

const START_MS = 10_000;
/** A login for the second listener; it protects nothing. */
export const LOGIN = { username: 'fleet', password: 'loopback-only' };

/**
 * Starts the broker, on the same ports and with what it has kept when the directory is not new.
 *
 * @param {string} directory
 * @param {{ settings?: string[] }} [options] further lines of mosquitto.conf
 * @returns {Promise<import('./mosquitto.mjs').RunningMosquitto>}
 */
export async function startMosquitto(directory, { settings = [] } = {}) {
  const config = join(directory, 'mosquitto.conf');
  if (!existsSync(config)) {
    mkdirSync(directory, { recursive: true });
    const passwords = join(directory, 'passwords');
    const made = spawnSync(tool('mosquitto_passwd'), ['-c', '-b', passwords, LOGIN.username, LOGIN.password]);
    if (made.status !== 0) throw new Error(`mosquitto_passwd: ${made.error?.message ?? made.stderr}`);
    writeFileSync(config, configuration(directory, await freePorts(2), passwords, settings));
  }
  const [port, loginPort] = [...readFileSync(config, 'utf8').matchAll(/^listener (\d+)/gm)].map((match) =>
    Number(match[1]),
  );
  const child = spawn(tool('mosquitto'), ['-c', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
  const ended = new Promise((done) => {
    child.once('exit', done);
    child.once('error', done);
  });
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  ended.then(() => process.off('exit', orphan));
  await Promise.race([
    accepts(loginPort, START_MS),
    ended.then((reason) => {
      throw new Error(`Mosquitto ended: ${reason}\n${Buffer.concat(output)}`);
    }),
  ]);
  const end = async (signal) => {
    child.kill(signal);
    await ended;
  };
  return {
    address: `127.0.0.1:${port}`,
    loginAddress: `127.0.0.1:${loginPort}`,
    pid: child.pid,
    save: async () => {
      const file = join(directory, 'mosquitto.db');
      const before = versionOf(file);
      child.kill('SIGUSR1');
      while (versionOf(file) === before) await delay(10);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/** It saves when it is told to and when it is stopped: saving after each change takes all of its time. */
function configuration(directory, [port, loginPort], passwords, settings) {
  return [
    'per_listener_settings true',
    'persistence true',
    `persistence_location ${directory}/`,
    'autosave_interval 0',
    'max_queued_messages 0',
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    ...settings,
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    `listener ${loginPort} 127.0.0.1`,
    'allow_anonymous false',
    `password_file ${passwords}`,
    '',
  ].join('\n');
}

/** Each save is a new file with the old name. */
function versionOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

/** Debian keeps the broker out of everybody's PATH. */
function tool(name) {
  return (
    ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin'].map((folder) => join(folder, name)).find(existsSync) ?? name
  );
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  const directory = process.argv[2];
  if (directory === undefined) {
    process.stderr.write(`usage: node ${import.meta.filename} DIRECTORY\n`);
    process.exit(2);
  }
  const broker = await startMosquitto(resolve(directory));
  process.stdout.write(`mqtt://${broker.address}, process ${broker.pid}\n`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => broker.stop().then(() => process.exit(0)));
}
