import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { accepts } from './ports.mjs';

/**
 * Starts a program that ends with this process at the latest; resolves when it is ready.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ name: string, ready: (service: object) => Promise<unknown> } & import('node:child_process').SpawnOptions} options
 * @returns {Promise<import('./service.mjs').RunningService>}
 */
export async function startService(command, args, { name, ready, ...options }) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const readers = new Set();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      for (const read of readers) read();
    });
  }
  const ended = new Promise((done) => {
    child.once('exit', (status, signal) => done(status ?? signal));
    child.once('error', done);
  });
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  ended.then(() => process.off('exit', orphan));
  const orEnd = (work) =>
    Promise.race([
      work,
      ended.then((reason) => {
        throw new Error(`${name} ended: ${reason}\n${output}`);
      }),
    ]);
  const end = async (signal) => {
    child.kill(signal);
    await ended;
  };
  /** Resolves once `text` stands in what it has written. */
  const said = (text) =>
    orEnd(
      new Promise((done) => {
        const read = () => {
          if (!output.includes(text)) return;
          readers.delete(read);
          done();
        };
        readers.add(read);
        read();
      }),
    );
  const service = {
    pid: child.pid,
    said,
    signal: (name) => child.kill(name),
    end,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
  await orEnd(ready(service));
  return service;
}

/** For `ready`: somebody listens on all of the loopback ports. */
export function listening(ports, limitMs) {
  return () => Promise.all(ports.map((port) => accepts(port, limitMs)));
}

/** `host:port` of a loopback port. */
export function loopback(port) {
  return `127.0.0.1:${port}`;
}

/**
 * What a module here does when it is started by itself: `node MODULE DIRECTORY`.
 *
 * @template {{ pid: number, stop(): Promise<void> }} Service
 * @param {string} module its file name
 * @param {(directory: string) => Promise<Service>} start
 * @param {(service: Service) => string} urlOf
 */
export async function runAlone(module, start, urlOf) {
  if (process.argv[1] === undefined || resolve(process.argv[1]) !== module) return;
  const directory = process.argv[2];
  if (directory === undefined) {
    process.stderr.write(`usage: node ${module} DIRECTORY\n`);
    process.exit(2);
  }
  const service = await start(resolve(directory));
  process.stdout.write(`${urlOf(service)}, process ${service.pid}\n`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => service.stop().then(() => process.exit(0)));
}
