import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { openDurableFs } from '../../src/lib/core/node-durable-fs.js';
import { randomNumbers } from '../../src/lib/core/random-numbers.js';
import { verifyStore } from '../../src/lib/dedupe/verify-store.js';
import { generateTelemetry } from '../../src/lib/telemetry/generate-telemetry.js';
import { ID_KINDS } from '../../src/lib/telemetry/generated-id.js';
import { cleanEnvironment, executableFile } from './cli.js';
import { type TestFolder, testFolder } from './folder.js';

/*
 * `fleet replay`, from a file into a file, whose process is killed or whose disk fails again and again, until it has
 * done its work. What must come out is known beforehand, to the byte: each line that is the first of its id.
 */

/** System calls with which a replay touches the disk. */
export const DISK_CALLS = [
  'openat',
  'read',
  'pread64',
  'write',
  'pwrite64',
  'pwritev',
  'fdatasync',
  'fsync',
  'ftruncate',
  'mkdir',
  'link',
  'rename',
  'unlink',
  'getdents64',
] as const;

/** Those that fail where a disk is full or broken, and that nothing but our own code makes. */
export const FAILING_CALLS = ['pwrite64', 'pwritev', 'fdatasync', 'fsync', 'link', 'rename'] as const;

export type Trouble =
  /** SIGKILL once the output has grown by so many bytes, and so many milliseconds later. */
  | { readonly kind: 'killed'; readonly afterBytes: number; readonly thenMs: number }
  /** SIGKILL at the n-th call of a thread. */
  | { readonly kind: 'killed at call'; readonly syscall: string; readonly when: number }
  /** The n-th call of a thread, and all later ones if the disk is full, fails. */
  | { readonly kind: 'failed call'; readonly syscall: string; readonly when: number; readonly error: 'EIO' | 'ENOSPC' };

export interface Tally {
  /** Lines of all inputs that were replayed to their ends. */
  lines: number;
  runs: number;
  kills: number;
  failures: number;
  /** Kills and failures by system call; `random` for kills at any moment. */
  at: Record<string, number>;
}

export function emptyTally(): Tally {
  return { lines: 0, runs: 0, kills: 0, failures: 0, at: {} };
}

const STARTUP_MS = 600;
const MAX_RUNS = 400;

/**
 * One recording, replayed with trouble after trouble until a run is left in peace to its end.
 *
 * @returns harms, none: what came out is checked after every run
 */
export async function replayThroughTroubles(
  { seed, lines }: { seed: number; lines: number },
  troubles: Iterable<Trouble>,
  tally: Tally,
): Promise<string[]> {
  await using folder = await testFolder();
  const expected = await writeRecording(folder, seed, lines);
  const random = randomNumbers(seed);
  const args = [
    ...['replay', 'in.ndjson', '--to', 'out.ndjson', '--store', 'seen', '--quiet'],
    // Small, so that generations are sealed and dropped all the time; larger than any message is late.
    ...['--window-keys', '20000'],
    ...['--partitions', random() < 0.5 ? '1' : '3'],
    ...['--threads', random() < 0.5 ? '0' : '1'],
    ...(random() < 0.5 ? ['--payload-digest'] : []),
  ];
  const harms: string[] = [];
  const rest = troubles[Symbol.iterator]();
  for (let run = 0; run < MAX_RUNS; run++) {
    const next = rest.next();
    const trouble = next.done === true ? undefined : next.value;
    const end = await replay(folder, args, trouble);
    count(tally, end, trouble);
    const where = `seed ${seed}, run ${run}, ${JSON.stringify(trouble)}`;
    harms.push(...judgeEnd(end, trouble).map((harm) => `${where}: ${harm}`));
    harms.push(...(await judgeOutput(folder, expected, end)).map((harm) => `${where}: ${harm}`));
    if (harms.length > 0) return harms;
    if (end.status === 0) {
      tally.lines += lines;
      return [];
    }
  }
  return [`seed ${seed}: ${MAX_RUNS} runs have not brought it to its end`];
}

interface End {
  status: number | null;
  stdout: string;
  stderr: string;
}

function count(tally: Tally, { status }: End, trouble: Trouble | undefined): void {
  tally.runs += 1;
  if (trouble === undefined || status === 0) return;
  if (trouble.kind === 'failed call') tally.failures += 1;
  else tally.kills += 1;
  const at = trouble.kind === 'killed' ? 'random' : trouble.syscall;
  tally.at[at] = (tally.at[at] ?? 0) + 1;
}

function judgeEnd({ status, stderr }: End, trouble: Trouble | undefined): string[] {
  if (status === 0) return [];
  const isFailure = trouble?.kind === 'failed call';
  const isRight = isFailure
    ? status === 6 && /^error: [^\n]*\n( {2}→ [^\n]*\n)*$/.test(stderr)
    : trouble !== undefined && status === null;
  return isRight ? [] : [`ended with ${status}: ${stderr}`];
}

/** Whatever happened, the whole lines of the output are the first of what must come out; in the end, all of it. */
async function judgeOutput(folder: TestFolder, expected: Buffer, { status }: End): Promise<string[]> {
  const output = await readFile(folder.file('out.ndjson')).catch(() => Buffer.alloc(0));
  const whole = output.subarray(0, output.lastIndexOf('\n') + 1);
  if (!expected.subarray(0, whole.length).equals(whole)) return [`line ${firstDifference(whole, expected)} is wrong`];
  if (status !== 0) return [];
  if (output.length !== expected.length) return [`${output.length} bytes came out; expected ${expected.length}`];
  const { partitions } = await verifyStore(folder.file('seen'), { tenant: 'default', fs: openDurableFs() });
  return partitions.flatMap(({ damage }) => damage.map(({ file, cause }) => `${file}: ${cause}`));
}

function firstDifference(actual: Buffer, expected: Buffer): number {
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  return actual.subarray(0, at).toString('latin1').split('\n').length;
}

async function replay(folder: TestFolder, args: readonly string[], trouble: Trouble | undefined): Promise<End> {
  const child = spawn(...commandOf(args, trouble), {
    cwd: folder.path,
    // strace counts the calls of each thread, so one thread shall make most of them; and Node's cache makes some too.
    env: { ...cleanEnvironment(), UV_THREADPOOL_SIZE: '1', NODE_DISABLE_COMPILE_CACHE: '1', TMPDIR: folder.path },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const stop = trouble?.kind === 'killed' ? killWhen(child, folder.file('out.ndjson'), trouble) : () => {};
  const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  stop();
  return { status, stdout, stderr };
}

function commandOf(args: readonly string[], trouble: Trouble | undefined): [string, string[]] {
  const command = [process.execPath, executableFile('fleet'), ...args];
  if (trouble === undefined || trouble.kind === 'killed') return [command[0]!, command.slice(1)];
  const { syscall, when } = trouble;
  const effect =
    trouble.kind === 'killed at call'
      ? `signal=KILL:when=${when}`
      : `error=${trouble.error}:when=${when}${trouble.error === 'ENOSPC' ? '+' : ''}`;
  return [
    'strace',
    ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${syscall}`, '-e', `inject=${syscall}:${effect}`, ...command],
  ];
}

/** The moment is random, what must hold after it is not. */
function killWhen(
  child: ChildProcess,
  output: string,
  { afterBytes, thenMs }: { afterBytes: number; thenMs: number },
): () => void {
  const sizeNow = () => statSync(output, { throwIfNoEntry: false })?.size ?? 0;
  const from = sizeNow();
  let kill: NodeJS.Timeout | undefined;
  const look = setInterval(() => {
    if (sizeNow() - from < afterBytes) return;
    clearInterval(look);
    kill = setTimeout(() => child.kill('SIGKILL'), thenMs);
  }, 1);
  return () => {
    clearInterval(look);
    clearTimeout(kill);
  };
}

/** Kills at any moment: in most runs while messages flow, in some while the process starts and recovers. */
export function* randomKills(seed: number, outputBytes: number): Generator<Trouble> {
  const random = randomNumbers(seed);
  while (true) {
    const isEarly = random() < 0.2;
    yield isEarly
      ? { kind: 'killed', afterBytes: 0, thenMs: random() * STARTUP_MS }
      : { kind: 'killed', afterBytes: 1 + random() * outputBytes, thenMs: random() * 5 };
  }
}

/** Kills at calls of one name. */
export function* killsAt(syscall: string, seed: number, rounds: number): Generator<Trouble> {
  const random = randomNumbers(seed);
  // Calls that Node makes for itself while it starts come first, and are many.
  const most = ['openat', 'read', 'pread64', 'write', 'getdents64'].includes(syscall) ? 120 : 24;
  const when = () => 1 + Math.trunc(random() * most);
  for (let round = 0; round < rounds; round++) yield { kind: 'killed at call', syscall, when: when() };
}

/** Faults of a broken and of a full disk at calls of one name. */
export function* failuresAt(syscall: string, seed: number, rounds: number): Generator<Trouble> {
  const random = randomNumbers(seed);
  for (let round = 0; round < rounds; round++) {
    const when = 1 + Math.trunc(random() * 16);
    yield { kind: 'failed call', syscall, when, error: round % 2 === 0 ? 'EIO' : 'ENOSPC' };
  }
}

/** Writes `in.ndjson`. @returns its lines without those that repeat an id */
async function writeRecording(folder: TestFolder, seed: number, lines: number): Promise<Buffer> {
  const faults = { duplicate: 0.006, late: 0.01, conflict: 0, malformed: 0 };
  const ids = ID_KINDS[seed % ID_KINDS.length]!;
  const plan = { seed, vehicles: 500, lines, startMs: Date.UTC(2026, 0, 5, 6), ids, faults };
  const input = Buffer.concat([...generateTelemetry(plan)].map(({ bytes }) => Buffer.from(bytes)));
  await writeFile(folder.file('in.ndjson'), input);
  const seen = new Set<string>();
  const first: Buffer[] = [];
  for (let start = 0, end = 0; start < input.length; start = end) {
    end = input.indexOf('\n', start) + 1;
    const line = input.subarray(start, end);
    const { messageId } = JSON.parse(line.toString()) as { messageId: string };
    if (seen.size < seen.add(messageId).size) first.push(line);
  }
  return Buffer.concat(first);
}
