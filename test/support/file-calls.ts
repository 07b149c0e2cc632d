import { watch } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type CliResult, runCli } from './cli.js';
import { type TestFolder, testFolder } from './folder.js';

/*
 * Faults at exactly those system calls of `ota` that concern certain folders. strace counts each call by its name, for each
 * thread. Calls that Node makes for itself too are counted on named files alone (-P), which one undisturbed run finds;
 * another numbers the calls.
 */

/** A system call that concerns a file in a watched folder. */
export interface FileCall {
  syscall: string;
  /** 1 for the first of its name. */
  ordinal: number;
  /** The files, relative to the folder of the run. */
  files: string;
  /** Whether it changes what lies on the disk, or makes that last. */
  isChange: boolean;
}

export interface Recording {
  /** Relative paths, for calls that Node makes too. */
  files: string[];
  calls: FileCall[];
}

/**
 * What happens at a call. A killed process has got no answer from the call, which did nothing (`killed before`) or all
 * of its work (`killed after`). `EIO` makes that call fail, `ENOSPC` also all later ones of its name.
 */
export type FaultKind = 'killed before' | 'killed after' | 'EIO' | 'ENOSPC';

/** Nothing but our own code makes these. */
const OWN = ['pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'fchmod', 'link', 'rename', 'unlink'];
/** Node makes these too. */
const SHARED = ['openat', 'read', 'pread64', 'getdents64', 'write'];
const HARMLESS = ['access', 'close', 'fcntl', 'fstat', 'lseek', 'lstat', 'newfstatat', 'readlink', 'stat', 'statx'];

/** In names that each run makes anew: no file that could be named before. */
export const TOKEN = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;
/** Stopped for so long, the process is killed; strace would let it go on after that. */
const STOP_SECONDS = 60;

/** A fault that was to happen and did not, or elsewhere: the suite proves nothing. */
export class NotInjectedError extends Error {}

/** Which faults a call can meet. */
export function faultsOf({ isChange }: FileCall): FaultKind[] {
  return isChange ? ['killed before', 'killed after', 'EIO', 'ENOSPC'] : ['EIO'];
}

/**
 * Runs `ota` in equal folders and records its calls.
 *
 * @param watched names of folders in them
 */
export async function recordFileCalls(
  folders: [TestFolder, TestFolder, TestFolder],
  args: (folder: TestFolder) => string[],
  watched: readonly string[],
): Promise<Recording> {
  const isWatched = (path: string) => watched.includes(path.split('/')[0]!);
  const [first, ...rest] = folders;
  const files = await touchedFiles(first, args(first), isWatched);
  const calls: FileCall[] = [];
  for (const [index, syscalls] of [OWN, SHARED].entries()) {
    const folder = rest[index]!;
    const { log } = await trace(folder, args(folder), { ...scopeOf(syscalls[0]!, files), mustEndWell: true });
    calls.push(...numbered(parseLog(log, folder)).filter((call) => call.files.split(' -> ').some(isWatched)));
  }
  return { files, calls };
}

/** Runs `ota` with a fault at one of the recorded calls. @throws NotInjectedError unless that call met it */
export async function runWithFault(
  folder: TestFolder,
  args: readonly string[],
  { files }: Recording,
  { syscall, ordinal, files: expected }: FileCall,
  kind: FaultKind,
): Promise<CliResult> {
  const effect = {
    'killed before': `error=EIO:delay_exit=${STOP_SECONDS}s:when=${ordinal}`,
    'killed after': `delay_exit=${STOP_SECONDS}s:when=${ordinal}`,
    EIO: `error=EIO:when=${ordinal}`,
    ENOSPC: `error=ENOSPC:when=${ordinal}+`,
  }[kind];
  const isKill = kind.startsWith('killed');
  const { log, ...run } = await trace(folder, args, {
    ...scopeOf(syscall, files),
    options: ['-e', `inject=${syscall}:${effect}`],
    ...(isKill && { onStopped: ({ kill }) => kill() }),
  });
  const met = parseLog(log, folder).find(({ text }) => / \((INJECTED|DELAYED)\)/.test(text));
  const isRight = met?.syscall === syscall && met.files === expected && (!isKill || run.status === null);
  if (!isRight) throw new NotInjectedError(`met by ${met?.text ?? 'no call'}; status ${run.status}: ${run.stderr}`);
  return run;
}

/** A process that strace has stopped at the exit from a call. */
export interface StoppedProcess {
  kill(): void;
  /** Lets it go on, untraced. What is then known of its end is what it has printed. */
  release(): void;
}

/** Runs `ota` and stops it after its first call of a name, on a certain file if one is given, to do something meanwhile. */
export async function runStopped(
  folder: TestFolder,
  args: readonly string[],
  { syscall, file }: { syscall: string; file?: string },
  onStopped: (stopped: StoppedProcess) => Promise<void> | void,
): Promise<CliResult> {
  let wasStopped = false;
  const { log, ...run } = await trace(folder, args, {
    syscalls: [syscall],
    files: file === undefined ? [] : [file],
    options: ['-e', `inject=${syscall}:delay_exit=${STOP_SECONDS}s:when=1`],
    onStopped: async (stopped) => {
      wasStopped = true;
      await onStopped(stopped);
    },
    isReleasable: true,
  });
  if (!wasStopped) throw new NotInjectedError(`never stopped at ${syscall} of ${file}: ${run.stderr}${log}`);
  return run;
}

/** What strace traces in order to count a call as it was counted before. */
function scopeOf(syscall: string, files: string[]): Pick<TraceOptions, 'syscalls' | 'files'> {
  return OWN.includes(syscall) ? { syscalls: OWN, files: [] } : { syscalls: SHARED, files };
}

async function touchedFiles(
  folder: TestFolder,
  args: string[],
  isWatched: (path: string) => boolean,
): Promise<string[]> {
  const { log } = await trace(folder, args, { syscalls: ['%file', '%desc'], mustEndWell: true });
  const files = new Set<string>();
  for (const line of log.split('\n')) {
    const touched = pathsIn(line, folder).filter(isWatched);
    const syscall = /^\d+ +(?:<\.\.\. )?(\w+)/.exec(line)?.[1] ?? '';
    const isKnown = [OWN, SHARED, HARMLESS].some((names) => names.includes(syscall));
    if (touched.length > 0 && !isKnown) throw new Error(`a call that nobody has thought of: ${line}`);
    for (const file of touched) if (!TOKEN.test(file)) files.add(file);
  }
  return [...files].sort();
}

function numbered(lines: readonly LoggedCall[]): FileCall[] {
  const threads = new Set(lines.map(({ thread }) => thread));
  if (threads.size !== 1) throw new Error(`${threads.size} threads make calls, which strace counts for each`);
  const counts = new Map<string, number>();
  return lines.map(({ syscall, text, files }) => {
    const ordinal = (counts.get(syscall) ?? 0) + 1;
    counts.set(syscall, ordinal);
    const isChange = OWN.includes(syscall) || syscall === 'write' || text.includes('O_CREAT');
    return { syscall, ordinal, files, isChange };
  });
}

interface LoggedCall {
  thread: string;
  syscall: string;
  files: string;
  /** Arguments and result. */
  text: string;
}

function parseLog(log: string, folder: TestFolder): LoggedCall[] {
  return log.split('\n').flatMap((line) => {
    const [, thread, syscall, text] = /^(\d+) +(\w+)(\(.*)$/.exec(line) ?? [];
    if (thread === undefined || syscall === undefined || text === undefined) return [];
    return [
      { thread, syscall, text, files: pathsIn(text, folder).join(' -> ').replaceAll(new RegExp(TOKEN, 'g'), '*') },
    ];
  });
}

/** Each path once, relative to the folder. */
function pathsIn(line: string, folder: TestFolder): string[] {
  const quoted = [...line.matchAll(/["<](\/[^">]*)[">]/g)].map(([, path]) => path!);
  const inside = quoted.filter((path) => path.startsWith(`${folder.path}/`));
  return [...new Set(inside.map((path) => path.slice(folder.path.length + 1)))];
}

interface TraceOptions {
  syscalls: readonly string[];
  /** Only calls on these count; without any, all calls do. */
  files?: readonly string[];
  options?: readonly string[];
  onStopped?: (stopped: StoppedProcess) => Promise<void> | void;
  /** Without strace, seccomp lets no traced call pass any more; without seccomp, every call costs time. */
  isReleasable?: boolean;
  mustEndWell?: boolean;
}

async function trace(
  folder: TestFolder,
  args: readonly string[],
  { syscalls, files = [], options = [], onStopped, isReleasable = false, mustEndWell = false }: TraceOptions,
): Promise<CliResult & { log: string }> {
  await using logs = await testFolder();
  const log = logs.file('strace.log');
  await writeFile(log, '');
  await mkdir(folder.file('tmp'), { recursive: true });
  const paths = files.flatMap((file) => ['-P', folder.file(file)]);
  const what = ['-e', `trace=${syscalls.join(',')}`, ...paths, ...options, ...(isReleasable ? [] : ['--seccomp-bpf'])];
  using stop = watchForStop(log);
  const running = runCli('ota', args, {
    cwd: folder.path,
    node: ['strace', '-f', '-qq', '-y', '-s0', '-o', log, ...what, process.execPath],
    // strace counts the calls of each thread, so one thread shall make them all; and Node's cache makes some too.
    env: { UV_THREADPOOL_SIZE: '1', NODE_DISABLE_COMPILE_CACHE: '1', TMPDIR: folder.file('tmp') },
  });
  if (onStopped !== undefined) {
    const stopped = await Promise.race([stop.seen, running.then(() => undefined)]);
    if (stopped !== undefined) await onStopped(stopped);
  }
  const result = await running;
  if (mustEndWell && result.status !== 0) throw new Error(`it ended with ${result.status}: ${result.stderr}`);
  return { ...result, log: await readFile(log, 'utf8') };
}

function watchForStop(log: string): Disposable & { seen: Promise<StoppedProcess> } {
  const { promise: seen, resolve, reject } = Promise.withResolvers<StoppedProcess>();
  seen.catch(() => {}); // most runs are not to be stopped, and nobody asks
  const look = async () => {
    const stopped = /^(\d+) .*\(DELAYED\)$/m.exec(await readFile(log, 'utf8'))?.[1];
    if (stopped === undefined) return;
    const tracer = /^TracerPid:\t(\d+)$/m.exec(await readFile(`/proc/${stopped}/status`, 'utf8'))![1];
    const endTracer = () => process.kill(Number(tracer), 'SIGKILL');
    resolve({
      kill: () => {
        process.kill(Number(stopped), 'SIGKILL');
        endTracer(); // it would sit its time out
      },
      release: endTracer,
    });
  };
  const watcher = watch(log, () => void look().catch(reject));
  return { seen, [Symbol.dispose]: () => watcher.close() };
}
