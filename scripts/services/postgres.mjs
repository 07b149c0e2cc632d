// A real PostgreSQL for the service suite: on a free loopback port, with its data in a directory of its own.
//   node scripts/services/postgres.mjs DIRECTORY    starts it there, prints its address, and stops it on Ctrl-C
import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from './ports.mjs';
import { loopback, runAlone, startService } from './service.mjs';

const START_MS = 30_000;
/** The login of its superuser, by SCRAM; it protects nothing. */
export const LOGIN = { username: 'fleet', password: 'loopback-only' };

/**
 * Starts the server, on the same port and with what it has kept when the directory is not new. Root cannot run it:
 * it then runs as the user `postgres`, to whom the directory is given.
 *
 * @param {string} directory the folders above it must let every user pass
 * @param {{ durable?: boolean, settings?: Record<string, string | number> }} [options] `durable`: what is committed
 *   survives `kill`, at the cost of time; further lines of postgresql.conf
 * @returns {Promise<import('./postgres.mjs').RunningPostgres>}
 */
export async function startPostgres(directory, { durable = false, settings = {} } = {}) {
  const data = join(directory, 'data');
  const config = join(data, 'postgresql.conf');
  const user = unprivileged();
  if (!existsSync(config)) {
    mkdirSync(directory, { recursive: true });
    if (user !== undefined) chownSync(directory, user.uid, user.gid);
    initialise(directory, data, user);
    const [port] = await freePorts(1);
    writeFileSync(config, configuration(port, durable, settings));
  }
  const port = Number(readFileSync(config, 'utf8').match(/^port = (\d+)$/m)[1]);
  const options = { name: 'PostgreSQL', ready: () => answers(port), cwd: directory, ...user };
  const service = await startService(tool('postgres'), ['-D', data], options);
  const urlOf = (database) => `postgres://${LOGIN.username}:${LOGIN.password}@${loopback(port)}/${database}`;
  let databases = 0;
  return {
    ...service,
    url: urlOf('postgres'),
    async createDatabase() {
      const name = `test_${process.pid}_${databases++}`;
      const login = ['-h', '127.0.0.1', '-p', `${port}`, '-U', LOGIN.username];
      const env = { ...process.env, PGPASSWORD: LOGIN.password };
      await promisify(execFile)(tool('createdb'), [...login, name], { env });
      return urlOf(name);
    },
    stop: () => service.end('SIGINT'), // does not wait for clients to leave
    kill: () => service.end('SIGQUIT'), // as a crash, but all of its processes end
  };
}

function initialise(directory, data, user) {
  const secret = join(directory, 'password');
  writeFileSync(secret, LOGIN.password, { mode: 0o600 });
  if (user !== undefined) chownSync(secret, user.uid, user.gid);
  const login = ['-U', LOGIN.username, `--pwfile=${secret}`, '--auth=scram-sha-256'];
  const args = ['-D', data, ...login, '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'];
  execFileSync(tool('initdb'), args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'], ...user });
  rmSync(secret);
}

function configuration(port, durable, settings) {
  const lasting = durable ? 'on' : 'off';
  const lines = {
    listen_addresses: "'127.0.0.1'",
    port,
    unix_socket_directories: "''",
    shared_buffers: "'32MB'",
    fsync: lasting,
    synchronous_commit: lasting,
    full_page_writes: lasting,
    ...settings,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
}

/** It listens before it serves, so that its own tool is asked. */
async function answers(port) {
  const end = performance.now() + START_MS;
  const isReady = () =>
    promisify(execFile)(tool('pg_isready'), ['-h', '127.0.0.1', '-p', `${port}`]).then(
      () => true,
      () => false,
    );
  while (!(await isReady())) {
    if (performance.now() > end) throw new Error(`PostgreSQL does not answer after ${START_MS / 1000} s`);
    await delay(50);
  }
}

/** Who runs it for root; nobody else needs another user. */
function unprivileged() {
  if (process.getuid?.() !== 0) return undefined;
  const id = (what) => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Debian keeps the server's programs of each version in a folder outside of PATH. */
function tool(name) {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return name;
  const newest = readdirSync(versions)
    .map(Number)
    .sort((a, b) => b - a)
    .map((version) => join(versions, `${version}`, 'bin', name))
    .find(existsSync);
  return newest ?? name;
}

await runAlone(import.meta.filename, startPostgres, ({ url }) => url);
