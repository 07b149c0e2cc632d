import { type ChildProcess, spawn } from 'node:child_process';
import { abortError, throwIfAborted } from '../core/abort.js';
import { escapeText } from '../core/text.js';
import type { GateOf } from '../rollout/gate-spec.js';
import type { ProbeResult, StageFigures } from '../rollout/observation.js';

/** What a command is told, as variables of its environment. */
export interface CommandSubject {
  /** `ROLLOUT_CAMPAIGN` */
  readonly campaign: string;
  /** Name of the stage: `ROLLOUT_STAGE` */
  readonly stage: string;
  /** `ROLLOUT_TOTAL`, `ROLLOUT_INSTALLED`, `ROLLOUT_FAILED`, … */
  readonly figures: StageFigures;
}

export interface CommandOptions {
  /** What it is given besides: PATH and what else it needs. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/** EX_TEMPFAIL of sysexits.h: not yet an answer. */
const NOT_YET = 75;
const MAX_OUTPUT_BYTES = 1024 ** 2;
/** What it said is waited for so long after its end. */
const LINGER_MS = 1_000;
/** Of what it said last, kept and shown. */
const KEPT_CHARACTERS = 4_096;
const SHOWN_CHARACTERS = 300;

/**
 * Runs the command of a gate once, without a shell and in a process group of its own, which is gone afterwards.
 *
 * Status 0 is good, 75 holds, every other is bad. A command that could not be started, ran into its timeout, printed more
 * than 1 MiB or was ended by a signal has not answered: `failed`.
 *
 * @throws OtaError INTERRUPTED, TERMINATED when the signal is raised; nothing else
 */
export async function runCommandProbe(
  gate: GateOf<'command'>,
  subject: CommandSubject,
  options: CommandOptions,
): Promise<ProbeResult> {
  const { environment, signal } = options;
  throwIfAborted(signal);
  const [program = '', ...words] = gate.argv;
  const failed = (fact: string): ProbeResult => ({ outcome: 'failed', said: `${escapeText(program)} ${fact}` });
  let child: ChildProcess;
  try {
    const env = { ...environment, ...variablesOf(subject) };
    child = spawn(program, words, { shell: false, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
  } catch (error) {
    return failed(`could not be started: ${escapeText((error as Error).message)}`); // a NUL in an argument
  }
  const { promise, resolve, reject } = Promise.withResolvers<ProbeResult>();
  const lastWords = wordsOf(child, () => resolve(failed(`printed more than ${MAX_OUTPUT_BYTES} bytes`)));
  const timer = setTimeout(
    () => resolve(failed(`did not finish within ${gate.timeoutSeconds} s`)),
    gate.timeoutSeconds * 1000,
  );
  const onAbort = () => reject(abortError(signal!));
  signal?.addEventListener('abort', onAbort, { once: true });
  child.once('error', (error) => resolve(failed(`could not be started: ${escapeText(error.message)}`)));
  const settle = (status: number | null, killedBy: NodeJS.Signals | null) => {
    if (status === null) return resolve(failed(`was ended by ${killedBy}`));
    const said = `${escapeText(program)} exited with ${status}${lastLine(lastWords())}`;
    resolve({ outcome: status === 0 ? 'good' : status === NOT_YET ? 'holds' : 'bad', said });
  };
  let lingering: NodeJS.Timeout | undefined;
  child.once('exit', (status, killedBy) => {
    killGroup(child);
    // A daemon that it left in another group may hold its pipes open for ever.
    lingering = setTimeout(settle, LINGER_MS, status, killedBy);
  });
  child.once('close', settle);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearTimeout(lingering);
    signal?.removeEventListener('abort', onAbort);
    killGroup(child);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function variablesOf({ campaign, stage, figures }: CommandSubject): Record<string, string> {
  const counts = Object.entries(figures).map(([name, count]) => [`ROLLOUT_${name.toUpperCase()}`, String(count)]);
  return { ...Object.fromEntries(counts), ROLLOUT_CAMPAIGN: campaign, ROLLOUT_STAGE: stage };
}

/** Keeps the end of what it says on stderr, and watches how much it prints. */
function wordsOf(child: ChildProcess, onTooMuch: () => void): () => string {
  let words = '';
  let bytes = 0;
  const count = (chunk: string | Buffer) => {
    bytes += Buffer.byteLength(chunk);
    if (bytes > MAX_OUTPUT_BYTES) onTooMuch();
  };
  child.stdout?.on('data', count);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-KEPT_CHARACTERS);
    count(text);
  });
  return () => words;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    // A negative id names the whole group: the command and all that it started.
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody is left in it; or there are no groups here, and it is alone.
    child.kill('SIGKILL');
  }
}

function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${escapeText(line.slice(0, SHOWN_CHARACTERS))}`;
}
