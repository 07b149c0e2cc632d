import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnvironment, executableFile } from './cli.js';

/** Longest time that a test waits for an answer, milliseconds. */
const ANSWER_MS = 60_000;

/** A `fleet serve` as its users run it, on free loopback ports. */
export interface FleetProcess {
  readonly url: string;
  readonly mqttUrl: string | undefined;
  readonly pid: number;
  /** Its data directory, as it is seen from here. */
  readonly data: string;
  /** Token of the administrator: that of the data directory, unless another was given; '' where there is none. */
  readonly adminToken: string;
  /** Everything it has written, for messages. */
  output(): string;
  /** Sends with the administrator's token unless another authorization is given; null: none. */
  call(method: string, path: string, options?: FleetCall): Promise<FleetAnswer>;
  /** @returns its exit status, or the signal that ended it */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Resolves when it has ended, by whatever. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface FleetCall {
  /** JSON, or bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorization?: string | null;
  readonly signal?: AbortSignal;
}

export interface FleetAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, or text. */
  readonly body: ReturnType<typeof JSON.parse>;
}

export interface FleetOptions {
  readonly data: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Same port as before, so that clients find it again. */
  readonly port?: number;
  readonly mqttPort?: number;
  readonly token?: string;
  /** Runs it, instead of the Node that runs the tests: a command that gets Node's path and its arguments behind its own. */
  readonly within?: readonly [string, ...string[]];
}

/** Starts it; resolves when it serves, rejects with what it has said when it ends before. */
export async function startFleet({
  data,
  args = [],
  env = {},
  port = 0,
  mqttPort = 0,
  token,
  within,
}: FleetOptions): Promise<FleetProcess> {
  const command = [process.execPath, executableFile('fleet'), 'serve', '--json', '--data', data];
  const [program, ...rest] = [
    ...(within ?? []),
    ...command,
    '--http',
    `127.0.0.1:${port}`,
    '--mqtt',
    `127.0.0.1:${mqttPort}`,
    ...args,
  ];
  const child = spawn(program!, rest, {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  const ended = new Promise<number | NodeJS.Signals>((done, fail) => {
    child.once('error', fail).once('close', (status, signal) => done(status ?? signal!));
  });
  ended.finally(() => process.off('exit', orphan)).catch(() => undefined);
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const started = await new Promise<{ http: string; mqtt?: string }>((done, fail) => {
    createInterface(child.stdout).on('line', (line) => {
      output += `${line}\n`;
      const event = JSON.parse(line);
      if (event.type === 'started') done(event);
    });
    ended.then((status) => fail(new FleetEnded(status, output)), fail);
  });
  // It may have mounts of its own.
  const seen = within === undefined ? data : join(`/proc/${child.pid}/root`, data);
  const tokenFile = join(seen, 'admin-token');
  const adminToken = token ?? (existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').trim() : '');
  return {
    url: started.http,
    mqttUrl: started.mqtt,
    pid: child.pid!,
    data: seen,
    adminToken,
    output: () => output,
    ended,
    call: (method, path, options = {}) =>
      callFleet(`${started.http}${path}`, method, { authorization: `Bearer ${adminToken}`, ...options }),
    async end(signal) {
      child.kill(signal);
      return await ended;
    },
  };
}

/** A server that ended before it served. */
export class FleetEnded extends Error {
  readonly status: number | NodeJS.Signals;

  constructor(status: number | NodeJS.Signals, output: string) {
    super(`fleet serve ended: ${status}\n${output}`);
    this.status = status;
  }
}

async function callFleet(
  url: string,
  method: string,
  { body, headers = {}, authorization, signal }: FleetCall,
): Promise<FleetAnswer> {
  const isRaw =
    body === undefined || body instanceof Uint8Array || body instanceof FormData || typeof body === 'string';
  const response = await fetch(url, {
    method,
    headers: {
      ...(typeof authorization === 'string' && { authorization }),
      ...(!isRaw && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: (isRaw ? body : JSON.stringify(body)) as string }),
    signal: signal ?? AbortSignal.timeout(ANSWER_MS),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') && text !== '';
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}
