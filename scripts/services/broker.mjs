import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { accepts } from './ports.mjs';

/**
 * Starts a broker that ends with this process at the latest; resolves when it accepts connections.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ name: string, ports: readonly [number, number], limitMs: number }} options the ports without and with login
 */
export async function startBroker(command, args, { name, ports: [port, loginPort], limitMs }) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
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
    Promise.all([accepts(port, limitMs), accepts(loginPort, limitMs)]),
    ended.then((reason) => {
      throw new Error(`${name} ended: ${reason}\n${Buffer.concat(output)}`);
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
    signal: (name) => child.kill(name),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/**
 * What a module here does when it is started by itself: `node MODULE DIRECTORY`.
 *
 * @param {string} module its file name
 * @param {(directory: string) => Promise<{ address: string, pid: number, stop(): Promise<void> }>} start
 * @param {string} scheme
 */
export async function runAlone(module, start, scheme) {
  if (process.argv[1] === undefined || resolve(process.argv[1]) !== module) return;
  const directory = process.argv[2];
  if (directory === undefined) {
    process.stderr.write(`usage: node ${module} DIRECTORY\n`);
    process.exit(2);
  }
  const broker = await start(resolve(directory));
  process.stdout.write(`${scheme}://${broker.address}, process ${broker.pid}\n`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => broker.stop().then(() => process.exit(0)));
}
