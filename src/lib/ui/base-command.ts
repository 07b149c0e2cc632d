import { Command, Flags, type Interfaces } from '@oclif/core';
import { abortError } from '../core/abort.js';
import { systemClock } from '../core/clock.js';
import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { configuredArgv } from './config.js';
import { failureOf, failureText } from './failure.js';
import { jsonText } from './json-text.js';
import { knownOptions } from './known-options.js';
import { ndjsonPrinter } from './ndjson.js';
import { type Progress, type ProgressOptions, type ProgressOutput, startProgress } from './progress.js';
import { refuseSecretsInArgv } from './secret-in-argv.js';
import type { ConfigurableFlags } from './setting.js';
import { type SignalWatch, watchSignals } from './signals.js';
import { type BlockSize, type StatusBlock, startStatusBlock } from './status-block.js';
import { type StatusLine, startStatusLine } from './status-line.js';
import { type StreamWatch, watchStreams } from './streams.js';
import { isLiveTerminal, paint } from './terminal.js';
import { type FlagOrigins, usageError } from './usage-error.js';

/** How long, after a cancelled command has reported, something left open may keep the process alive. */
const CANCELLED_EXIT_MS = 1000;

/** The end of an address tells more than its beginning, and a bar needs the rest of the line. */
const ARRIVAL_NAME_LENGTH = 30;

/**
 * Base of every command: parse → one library call → `print` → return.
 *
 * - What `run` returns is the one document on stdout under `--json`; `print` is silent then. A command that streams
 *   prints events instead, one a line, and `run` returns the last of them.
 * - stdout carries data only; notes, warnings, progress and failures go to stderr.
 * - `signal` is raised by Ctrl-C (status 130) and SIGTERM (143); hand it to the library call.
 * - Flags that were not typed come from the environment, the project file or the profile.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;

  static override baseFlags = {
    quiet: Flags.boolean({ char: 'q', summary: 'Print no notes and no progress.', helpGroup: 'GLOBAL' }),
  };

  /** Its `--json` is a stream of events, `{"type","time",…}`, one a line. What `run` returns has a `type`; a failure is the event `error`. */
  static readonly isStream: boolean = false;

  readonly #signals: SignalWatch = watchSignals();
  readonly #streams: StreamWatch = watchStreams((error) => this.#crash(error));
  /** Raised by Ctrl-C or SIGTERM; its reason is the OtaError the command ends with. */
  protected readonly signal: AbortSignal = this.#signals.signal;
  readonly #running = new Set<{ fail(): void; clear?(): void }>();
  #origins: FlagOrigins = new Map();
  #quiet = false;

  /** @returns the document printed under `--json`; an object, so that it is never empty */
  abstract override run(): Promise<object>;

  /** Writes the result for a person to stdout; nothing under `--json`. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) process.stdout.write(`${text}\n`);
  }

  /** Prints an event of a stream under `--json`, nothing otherwise. Resolves when a slow reader has room again. */
  protected async event(type: string, fields: object): Promise<void> {
    if (this.jsonEnabled()) await ndjsonPrinter(process.stdout, systemClock)(type, fields);
  }

  /** Tells what is going on, in one line on stderr; silent with `--quiet` and under `--json`. */
  protected note(text: string): void {
    if (this.#isSilent()) return;
    this.#clearStatus();
    process.stderr.write(`${escapeText(text)}\n`);
  }

  /** Warns in one line on stderr, also with `--quiet` and under `--json`: a script's log should hold it. */
  protected warnUser(text: string): void {
    this.#clearStatus();
    process.stderr.write(`${this.#paint('yellow', 'warning:')} ${escapeText(text)}\n`);
  }

  /** Shows how a long job gets on: a bar or spinner on a terminal, plain lines elsewhere. */
  protected progress(label: string, options: ProgressOptions = {}): Progress {
    const progress = startProgress(label, options, this.#progressOutput());
    this.#running.add(progress);
    return progress;
  }

  /** Shows how work without a foreseeable end gets on: a line that changes on a terminal, one now and then elsewhere. */
  protected statusLine(): StatusLine {
    const status = startStatusLine(this.#progressOutput());
    this.#running.add(status);
    return status;
  }

  /** Shows lines at the end of a terminal that are drawn again and again; undefined where nothing is redrawn. */
  protected statusBlock(draw: (size: BlockSize) => readonly string[]): StatusBlock | undefined {
    const { mode, stream } = this.#progressOutput();
    if (mode !== 'terminal') return undefined;
    const block = startStatusBlock(stream, draw, { isColoured: !process.env.NO_COLOR });
    this.#running.add(block);
    return block;
  }

  /** As {@link progress}, but begins with its first update, which tells the size: for what comes after another job. */
  protected progressOnceBegun(label: string): Progress {
    let begun: Progress | undefined;
    return {
      update: (done, totalBytes) => {
        begun ??= this.progress(label, totalBytes === undefined ? {} : { totalBytes });
        begun.update(done, totalBytes);
      },
      done: (text) => begun?.done(text),
      fail: () => begun?.fail(),
    };
  }

  /** Shows how an input gets on that comes from stdin or an address. */
  protected readonly onArrival = (name: string): Progress => {
    const short = name.length > ARRIVAL_NAME_LENGTH ? `…${name.slice(-ARRIVAL_NAME_LENGTH)}` : name;
    return this.progress(`Reading ${short}`);
  };

  /**
   * Was this flag given on the command line? One that configuration set, or a default, never makes a command
   * line wrong.
   *
   * @param value what it was parsed to
   */
  protected isTyped(flag: string, value: unknown): boolean {
    return value !== undefined && value !== false && !this.#origins.has(flag);
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv = this.argv): Promise<Interfaces.ParserOutput<F, B, A>> {
    const { bin } = this.config;
    const flags = { json: Flags.boolean(), ...this.ctor.baseFlags, ...options?.flags } as ConfigurableFlags;
    const names = Object.keys(flags);
    const commandName = [bin, ...(this.id ?? '').split(':')].join(' ').trim();
    refuseSecretsInArgv(argv, names);
    try {
      const configured = await configuredArgv({
        argv,
        flags,
        bin,
        commandId: this.id ?? '',
        environment: process.env,
        directory: process.cwd(),
        known: () => knownOptions(this.config.root),
      });
      this.#origins = configured.origins;
      const parsed = await super.parse(options, configured.argv);
      this.#quiet = parsed.flags.quiet === true;
      for (const { file, settings } of configured.filesUsed) this.note(`Using ${settings.join(', ')} from ${file}`);
      return parsed;
    } catch (error) {
      throw usageError(error, commandName, [...names, 'help'], this.#origins);
    }
  }

  /**
   * Reports a failure, in text or as the `--json` document, and sets the exit status.
   * Nothing is thrown on, so that it is printed exactly once whoever runs the command.
   */
  protected override async catch(error: Error & { oclif?: { exit?: number } }): Promise<void> {
    for (const progress of this.#running) progress.fail();
    if (isOclifExit(error)) {
      process.exitCode = error.oclif?.exit ?? 0;
      return;
    }
    // A library may rethrow an AbortError of its own, or fail because of the abort.
    const cause = this.signal.aborted && !isCancellation(error) ? abortError(this.signal) : error;
    const failure = failureOf(cause, this.config.bin);
    process.exitCode = failure.exitStatus;
    if (this.jsonEnabled()) this.logJson({ error: failure });
    else process.stderr.write(`${failureText(failure, this.#paint('red', 'error:'))}\n`);
    if (process.env[`${this.config.bin.toUpperCase()}_DEBUG`]) process.stderr.write(`${stackOf(error)}\n`);
    // A pipe that nobody writes to, or a socket, must not keep a cancelled command alive.
    if (this.signal.aborted) setTimeout(() => process.exit(), CANCELLED_EXIT_MS).unref();
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.#signals.stop();
    this.#streams.stop();
    await super.finally(error);
  }

  /** For an error that no `await` saw: reported like any other bug, but the command cannot go on. */
  #crash(error: Error): void {
    void this.catch(error).finally(() => process.exit());
  }

  protected override logJson(json: object): void {
    if (!(this.ctor as typeof BaseCommand).isStream) {
      process.stdout.write(`${jsonText(json)}\n`);
      return;
    }
    const { type = 'error', ...fields } = json as { type?: string };
    void ndjsonPrinter(process.stdout, systemClock)(type, fields);
  }

  #isSilent(): boolean {
    return this.#quiet || this.jsonEnabled();
  }

  #progressOutput(): ProgressOutput {
    const mode = isLiveTerminal(process.stderr, process.env) ? 'terminal' : 'plain';
    return { mode: this.#isSilent() ? 'silent' : mode, stream: process.stderr };
  }

  #clearStatus(): void {
    for (const running of this.#running) running.clear?.();
  }

  #paint(style: 'red' | 'yellow', text: string): string {
    return paint(['bold', style], text, process.stderr, process.env);
  }
}

/** What `this.exit()` throws: no failure, the status is the message. */
function isOclifExit(error: Error): boolean {
  return 'code' in error && error.code === 'EEXIT';
}

function isCancellation(error: unknown): boolean {
  return error instanceof OtaError && (error.code === 'INTERRUPTED' || error.code === 'TERMINATED');
}

/** With the stacks of its causes. Stacks hold no arguments, and escapes keep a hostile message on its line. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return escapeText(String(error));
  const stack = (error.stack ?? '').split('\n').map(escapeText).join('\n');
  return error.cause === undefined ? stack : `${stack}\ncaused by: ${stackOf(error.cause)}`;
}
