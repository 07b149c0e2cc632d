// A real Mosquitto for the service suite: on free loopback ports, with its persistence in a directory of its own.
//   node scripts/services/mosquitto.mjs DIRECTORY    starts it there, prints its address, and stops it on Ctrl-C
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './ports.mjs';
import { listening, loopback, runAlone, startService } from './service.mjs';

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
    const passwords = writePasswords(directory, { [LOGIN.username]: LOGIN.password });
    writeFileSync(config, configuration(directory, await freePorts(2), passwords, settings));
  }
  const [port, loginPort] = [...readFileSync(config, 'utf8').matchAll(/^listener (\d+)/gm)].map((match) =>
    Number(match[1]),
  );
  const options = { name: 'Mosquitto', ready: listening([port, loginPort], START_MS) };
  const service = await startService(tool('mosquitto'), ['-c', config], options);
  const save = async () => {
    const file = join(directory, 'mosquitto.db');
    const before = versionOf(file);
    service.signal('SIGUSR1');
    while (versionOf(file) === before) await delay(10);
  };
  return { ...service, address: loopback(port), loginAddress: loopback(loginPort), save };
}

/**
 * Writes the logins of a broker to a new file.
 *
 * @param {string} directory
 * @param {Readonly<Record<string, string>>} users name → password
 * @returns {string} its path
 */
export function writePasswords(directory, users) {
  const path = join(directory, 'passwords');
  for (const [index, [name, password]] of Object.entries(users).entries()) {
    const made = spawnSync(tool('mosquitto_passwd'), [...(index === 0 ? ['-c'] : []), '-b', path, name, password]);
    if (made.status !== 0) throw new Error(`mosquitto_passwd: ${made.error?.message ?? made.stderr}`);
  }
  return path;
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

await runAlone(import.meta.filename, startMosquitto, ({ address }) => `mqtt://${address}`);
