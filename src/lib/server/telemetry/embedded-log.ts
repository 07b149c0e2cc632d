import { OtaError } from '../../core/errors.js';
import type { TelemetryAnswer } from '../../wire/telemetry.js';
import type { TelemetryLines } from './decode-telemetry.js';
import type { LogReaderApi } from './log-reader.worker.js';
import type { LogWriterOptions } from './log-writer.js';
import type { LogWriterApi, LogWriterNews } from './log-writer-thread.js';
import type {
  AdmitDevices,
  LogRead,
  LogSample,
  PageRequest,
  ReadRequest,
  SampleRequest,
  StoredMessage,
  TelemetryLog,
} from './telemetry-log.js';
import { CalledThread } from './thread-calls.js';

/** Lines that wait to be durable: beyond, whoever sends is told to come again. Bytes. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export interface EmbeddedLogOptions extends LogWriterOptions {
  /** Told what an administrator should know. */
  onTrouble(message: string): void;
}

/**
 * A log of one server process: SQLite files in `directory`, written in one thread and read in another. The threads
 * start with the first call.
 */
export class EmbeddedLog implements TelemetryLog {
  readonly #options: EmbeddedLogOptions;
  readonly #listeners = new Set<() => void>();
  #writer: CalledThread<LogWriterApi> | undefined;
  #reader: CalledThread<LogReaderApi> | undefined;
  #lastSeq: number | undefined;
  #waitingBytes = 0;
  #isClosed = false;

  constructor(options: EmbeddedLogOptions) {
    this.#options = options;
  }

  async append(tenantId: number, lines: TelemetryLines, admit?: AdmitDevices): Promise<TelemetryAnswer> {
    const { length } = lines.bytes;
    if (this.#waitingBytes > 0 && this.#waitingBytes + length > MAX_WAITING_BYTES) {
      throw new OtaError('LIMIT_EXCEEDED', 'too much telemetry waits to be written');
    }
    this.#waitingBytes += length;
    try {
      const writer = this.#writing();
      const own = { ...lines, bytes: ownBytes(lines.bytes) };
      const transfer = [own.bytes.buffer as ArrayBuffer];
      if (admit === undefined) return await writer.call('append', { tenantId, lines: own }, transfer);
      const { ticket, devices } = await writer.call('decode', { tenantId, lines: own }, transfer);
      try {
        return await writer.call('keep', { ticket, refused: await admit(devices) });
      } catch (error) {
        await writer.call('drop', ticket).catch(() => undefined);
        throw error;
      }
    } finally {
      this.#waitingBytes -= length;
    }
  }

  async read(request: ReadRequest): Promise<LogRead> {
    const lastSeq = await this.lastSeq();
    if (request.after >= lastSeq) return { messages: [], position: request.after };
    return await this.#reading().call('read', { request, lastSeq });
  }

  async page(request: PageRequest): Promise<StoredMessage[]> {
    return await this.#reading().call('page', request);
  }

  async sample(request: SampleRequest): Promise<LogSample> {
    return await this.#reading().call('sample', request);
  }

  async lastSeq(): Promise<number> {
    this.#lastSeq ??= await this.#writing().call('open', undefined);
    return this.#lastSeq;
  }

  async seqBefore(time: number): Promise<number> {
    return await this.#reading().call('seqBefore', { time, lastSeq: await this.lastSeq() });
  }

  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writer?.call('close', undefined).catch((error: Error) => this.#options.onTrouble(error.message));
    await Promise.all([this.#writer?.end(), this.#reader?.end()]);
  }

  #writing(): CalledThread<LogWriterApi> {
    if (this.#isClosed) throw new OtaError('IO_FAILED', 'the telemetry log is closed');
    const { directory, maxBytes, windowKeys } = this.#options;
    this.#writer ??= new CalledThread<LogWriterApi>(
      'server/telemetry/log-writer.worker',
      { directory, maxBytes, windowKeys },
      (news) => this.#hear(news as LogWriterNews),
    );
    return this.#writer;
  }

  #reading(): CalledThread<LogReaderApi> {
    if (this.#isClosed) throw new OtaError('IO_FAILED', 'the telemetry log is closed');
    this.#reader ??= new CalledThread<LogReaderApi>('server/telemetry/log-reader.worker', {
      directory: this.#options.directory,
    });
    return this.#reader;
  }

  #hear(news: LogWriterNews): void {
    if ('trouble' in news) {
      this.#options.onTrouble(news.trouble);
    } else {
      this.#lastSeq = news.lastSeq;
      for (const listener of this.#listeners) listener();
    }
  }
}

/** A part of a larger buffer is copied: the rest of that buffer is somebody else's. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
