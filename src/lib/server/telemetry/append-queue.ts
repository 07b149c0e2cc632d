import { OtaError } from '../../core/errors.js';
import { VERDICT } from '../../dedupe/store.js';
import { TELEMETRY_MAX_PROBLEMS, type TelemetryAnswer, type TelemetryProblem } from '../../wire/telemetry.js';
import type { DecodedTelemetry } from './decode-telemetry.js';
import { LogWriter, type LogWriterOptions } from './log-writer.js';

/** Messages of one transaction, unless a single batch has more: what comes meanwhile waits no longer than that takes. */
const MESSAGES_A_COMMIT = 16 * 1024;
/** After a failure, whoever comes in the next milliseconds is refused without another try. */
const PAUSE_MS = 1_000;

interface Waiting {
  /** Ids were decoded with its secret. */
  readonly writer: LogWriter;
  readonly tenantId: number;
  readonly decoded: DecodedTelemetry;
  readonly answer: PromiseWithResolvers<TelemetryAnswer>;
}

export interface AppendQueueOptions extends LogWriterOptions {
  /** Milliseconds of a clock that never goes back. */
  elapsed(): number;
  /** Told what an administrator should know. */
  onTrouble(message: string): void;
  /** Told after each commit. */
  onDurable(lastSeq: number): void;
}

/**
 * Group commit: everything that was decoded while the last transaction was on its way to the disk goes into the next
 * one. A writer that failed is replaced, once the pause after it is over.
 */
export class AppendQueue {
  readonly #options: AppendQueueOptions;
  #opening: Promise<LogWriter> | undefined;
  #writer: LogWriter | undefined;
  #waiting: Waiting[] = [];
  #isScheduled = false;
  #failure: { readonly error: unknown; readonly at: number } | undefined;

  constructor(options: AppendQueueOptions) {
    this.#options = options;
  }

  /** The writer, opened where there is none. @throws OtaError see LogWriter.open */
  async writer(): Promise<LogWriter> {
    if (this.#writer !== undefined) return this.#writer;
    if (this.#failure !== undefined && this.#options.elapsed() - this.#failure.at < PAUSE_MS) throw this.#failure.error;
    this.#opening ??= LogWriter.open(this.#options).then(
      (writer) => this.#opened(writer),
      (error: unknown) => {
        this.#fail(error);
        throw error;
      },
    );
    return await this.#opening;
  }

  /** Resolves when what is new of the messages, which `writer` has decoded, is durable. */
  async append(writer: LogWriter, tenantId: number, decoded: DecodedTelemetry): Promise<TelemetryAnswer> {
    const answer = Promise.withResolvers<TelemetryAnswer>();
    this.#waiting.push({ writer, tenantId, decoded, answer });
    this.#schedule();
    return await answer.promise;
  }

  async close(): Promise<void> {
    while (this.#waiting.length > 0 && this.#writer !== undefined) this.#flush();
    await this.#opening?.catch(() => undefined);
    await this.#writer?.close();
    this.#writer = undefined;
  }

  #opened(writer: LogWriter): LogWriter {
    this.#writer = writer;
    this.#failure = undefined;
    for (const trouble of writer.troubles) this.#options.onTrouble(trouble);
    return writer;
  }

  /** Behind all messages that have arrived at this thread by now. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #flush(): void {
    const group = this.#nextGroup().filter(({ writer, answer }) => {
      if (writer !== this.#writer) answer.reject(this.#failure?.error ?? closed());
      return writer === this.#writer;
    });
    if (group.length === 0) return;
    try {
      if (this.#writer === undefined) throw this.#failure?.error ?? closed();
      const verdicts = this.#writer.append(group);
      for (const [index, { decoded, answer }] of group.entries()) answer.resolve(answerOf(decoded, verdicts[index]!));
      this.#options.onDurable(this.#writer.lastSeq);
    } catch (error) {
      for (const { answer } of group) answer.reject(error);
      this.#fail(error);
    }
  }

  #nextGroup(): Waiting[] {
    let messages = 0;
    let parts = 0;
    while (parts < this.#waiting.length && messages < MESSAGES_A_COMMIT)
      messages += this.#waiting[parts++]!.decoded.count;
    return this.#waiting.splice(0, parts);
  }

  /** What the writer has in memory is no longer what the log holds: the next one reads it again. */
  #fail(error: unknown): void {
    this.#failure = { error, at: this.#options.elapsed() };
    const failed = this.#writer;
    this.#writer = undefined;
    this.#opening = failed
      ?.close()
      .catch(() => undefined)
      .then(() => {
        this.#opening = undefined;
        throw error;
      });
    this.#opening?.catch(() => undefined);
  }
}

function closed(): OtaError {
  return new OtaError('IO_FAILED', 'the telemetry log is closed');
}

function answerOf(decoded: DecodedTelemetry, verdicts: Uint8Array): TelemetryAnswer {
  const counts = [0, 0, 0];
  const problems: TelemetryProblem[] = [...decoded.problems];
  for (let index = 0; index < verdicts.length; index++) {
    const verdict = verdicts[index]!;
    counts[verdict]!++;
    if (verdict === VERDICT.conflict && problems.length < TELEMETRY_MAX_PROBLEMS) {
      problems.push({ line: decoded.lineNumbers[index]!, kind: 'conflict', cause: 'another message has this id' });
    }
  }
  return {
    accepted: counts[VERDICT.new]!,
    duplicates: counts[VERDICT.duplicate]!,
    conflicts: counts[VERDICT.conflict]!,
    refused: decoded.refused,
    problems,
  };
}
