import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { cleanEnvironment, executableFile } from './cli.js';

/** Longest time that a test waits for something to happen to devices, milliseconds. */
const PATIENCE_MS = 60_000;

/** A `fleet simulate` as its users run it. */
export interface SwarmProcess extends AsyncDisposable {
  /** What devices run by their own account, as far as they were updated. */
  readonly versions: ReadonlyMap<string, string>;
  /** Resolves when this is so; looks at each event. */
  until(isSo: (swarm: SwarmProcess) => boolean): Promise<void>;
  /** Has it end. @returns its report */
  end(): Promise<{ readonly versions: Readonly<Record<string, number>> }>;
}

interface SwarmProcessOptions {
  readonly folder: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts it; resolves when each of its devices has been answered. */
export async function startSwarmProcess({ folder, args, env }: SwarmProcessOptions): Promise<SwarmProcess> {
  const child = spawn(process.execPath, [executableFile('fleet'), 'simulate', ...args, '--json'], {
    cwd: folder,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const versions = new Map<string, string>();
  const looks = new Set<() => void>();
  let isReady = false;
  let report: { versions: Record<string, number> } | undefined;
  createInterface(child.stdout).on('line', (line) => {
    const event = JSON.parse(line);
    if (event.type === 'update' && event.result === 'success') versions.set(event.device, event.version);
    if (event.type === 'progress') isReady ||= (event.states.idle ?? 0) > 0 && event.polls >= 2 * event.states.idle;
    if (event.type === 'finished') report = event;
    for (const look of looks) look();
  });
  const ended = new Promise<void>((done) => {
    child.once('close', () => done());
  });
  const swarm: SwarmProcess = {
    versions,
    until(isSo) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => {
        if (isSo(swarm)) resolve();
      };
      const why = (fact: string) => new Error(`${fact}: ${JSON.stringify([...versions])}\n${said}`);
      const late = setTimeout(() => reject(why('devices take too long')), PATIENCE_MS);
      void ended.then(() => reject(why('fleet simulate has ended')));
      looks.add(look);
      look();
      return promise.finally(() => {
        clearTimeout(late);
        looks.delete(look);
      });
    },
    async end() {
      child.kill('SIGINT');
      await ended;
      process.off('exit', orphan);
      if (report === undefined) throw new Error(`fleet simulate told nothing at its end\n${said}`);
      return report;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      process.off('exit', orphan);
    },
  };
  await swarm.until(() => isReady);
  return swarm;
}
