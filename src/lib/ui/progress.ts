import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';

export interface ProgressOptions {
  /** Size of the whole job, bytes; `update` then counts bytes. */
  totalBytes?: number;
  /** Size of the whole job in steps, when it is not bytes. */
  total?: number;
}

/** A long job being watched. */
export interface Progress {
  /**
   * @param done bytes or steps finished so far
   * @param size of the whole job, where it became known or changed after the start: steps if `total` was given, else bytes
   */
  update(done: number, size?: number): void;
  /** Ends it; `text`, when given, stays on the screen. */
  done(text?: string): void;
  /** Ends it without a word: the failure speaks for itself. */
  fail(): void;
}

/** A terminal is redrawn; a log gets a plain line now and then; or nothing at all. */
export type ProgressMode = 'terminal' | 'plain' | 'silent';

export interface ProgressOutput {
  mode: ProgressMode;
  stream: NodeJS.WriteStream;
}

/** Jobs shorter than this show nothing and load no library. */
const SHOW_AFTER_MS = 300;
const PLAIN_LINE_EVERY_MS = 5000;

export function startProgress(label: string, options: ProgressOptions, { mode, stream }: ProgressOutput): Progress {
  const state: JobState = { label: escapeText(label), done: 0, startedMs: performance.now(), ...options };
  if (mode === 'silent') return { update: () => {}, done: () => {}, fail: () => {} };
  return mode === 'plain' ? plainProgress(state, stream) : terminalProgress(state, stream);
}

interface JobState extends ProgressOptions {
  label: string;
  done: number;
  startedMs: number;
}

function advance(state: JobState, done: number, size: number | undefined): void {
  state.done = done;
  if (size === undefined) return;
  if (state.total === undefined) state.totalBytes = size;
  else state.total = size;
}

function plainProgress(state: JobState, stream: NodeJS.WriteStream): Progress {
  const line = () => stream.write(`${progressText(state, performance.now() - state.startedMs)}\n`);
  const timer = setInterval(line, PLAIN_LINE_EVERY_MS).unref();
  const end = (text?: string) => {
    clearInterval(timer);
    if (text !== undefined) stream.write(`${text}\n`);
  };
  return {
    update: (done, size) => {
      advance(state, done, size);
    },
    done: end,
    fail: () => end(),
  };
}

/** What is drawn: a bar when the total is known, else a spinner. */
interface Drawing {
  draw(state: JobState): void;
  clear(): void;
}

function terminalProgress(state: JobState, stream: NodeJS.WriteStream): Progress {
  let drawing: Drawing | undefined;
  let ended = false;
  const timer = setTimeout(async () => {
    const made = await (totalOf(state) === undefined ? spinner(state, stream) : bar(state, stream));
    if (ended) made.clear();
    else drawing = made;
  }, SHOW_AFTER_MS).unref();
  const end = (text?: string) => {
    ended = true;
    clearTimeout(timer);
    drawing?.clear();
    if (text !== undefined) stream.write(`${text}\n`);
  };
  return {
    update: (done, size) => {
      advance(state, done, size);
      drawing?.draw(state);
    },
    done: end,
    fail: () => end(),
  };
}

async function spinner(state: JobState, stream: NodeJS.WriteStream): Promise<Drawing> {
  const { default: ora } = await import('ora');
  const text = () => progressText(state, performance.now() - state.startedMs);
  // stdin stays ours: it may carry data, and Ctrl-C must arrive as a signal.
  const running = ora({ text: text(), stream, discardStdin: false }).start();
  return {
    draw: () => {
      running.text = text();
    },
    clear: () => running.stop(),
  };
}

async function bar(state: JobState, stream: NodeJS.WriteStream): Promise<Drawing> {
  // CommonJS: its names are sure to be found only on the default.
  const { default: cliProgress } = await import('cli-progress');
  const running = new cliProgress.SingleBar(
    {
      stream,
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
      format: (_options, { progress }) => {
        const filled = Math.round(progress * BAR_WIDTH);
        const drawn = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
        return `${drawn} ${progressText(state, performance.now() - state.startedMs)}`;
      },
    },
    cliProgress.Presets.shades_classic,
  );
  running.start(totalOf(state)!, state.done);
  const draw = () => {
    running.setTotal(totalOf(state)!);
    running.update(state.done);
  };
  return { draw, clear: () => running.stop() };
}

const BAR_WIDTH = 24;

/**
 * `Verifying: 45% of 33 MiB, 4.1 MiB/s, 5 s left`, as much of it as is known.
 *
 * @param elapsedMs since the job began
 */
export function progressText(job: Omit<JobState, 'startedMs'>, elapsedMs: number): string {
  const { label, done, totalBytes } = job;
  const total = totalOf(job);
  const amount = (value: number) =>
    totalBytes === undefined ? `${Math.round(value)}` : formatByteSize(Math.round(value));
  const perSecond = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const facts: string[] = [];
  if (total !== undefined && total > 0) facts.push(`${Math.floor((done / total) * 100)}% of ${amount(total)}`);
  else if (done > 0) facts.push(amount(done));
  if (perSecond > 0) facts.push(`${amount(perSecond)}/s`);
  if (total !== undefined && perSecond > 0 && done < total)
    facts.push(`${durationText((total - done) / perSecond)} left`);
  return facts.length === 0 ? `${label} …` : `${label}: ${facts.join(', ')}`;
}

function totalOf({ totalBytes, total }: ProgressOptions): number | undefined {
  return totalBytes ?? total;
}

/** `8 s`, `2 min 5 s`, `10 min`, `1 h 12 min` */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [large, small] =
    whole < 3600
      ? [`${Math.floor(whole / 60)} min`, whole % 60]
      : [`${Math.floor(whole / 3600)} h`, Math.floor((whole % 3600) / 60)];
  if (whole < 60) return `${whole} s`;
  return small === 0 ? large : `${large} ${small} ${whole < 3600 ? 's' : 'min'}`;
}
