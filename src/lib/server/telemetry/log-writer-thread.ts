import type { MessagePort } from 'node:worker_threads';
import type { TelemetryAnswer } from '../../wire/telemetry.js';
import { AppendQueue } from './append-queue.js';
import type { DecodedTelemetry, TelemetryLines } from './decode-telemetry.js';
import type { LogWriter, LogWriterOptions } from './log-writer.js';
import type { RefusedDevices } from './telemetry-log.js';
import { withoutDevices } from './without-devices.js';

/** What the writing thread is asked. */
export type LogWriterApi = {
  /** Opens the log; the newest sequence number. */
  open(argument: undefined): Promise<number>;
  append(argument: { tenantId: number; lines: TelemetryLines }): Promise<TelemetryAnswer>;
  /** Reads lines and keeps what it found until `keep` or `drop` are called with the ticket. */
  decode(argument: { tenantId: number; lines: TelemetryLines }): Promise<{ ticket: number; devices: string[] }>;
  keep(argument: { ticket: number; refused: RefusedDevices }): Promise<TelemetryAnswer>;
  drop(argument: number): void;
  close(argument: undefined): Promise<void>;
};

/** What it tells without being asked. */
export type LogWriterNews = { readonly lastSeq: number } | { readonly trouble: string };

interface Decoded {
  readonly writer: LogWriter;
  readonly tenantId: number;
  readonly decoded: DecodedTelemetry;
}

export class LogWriterThread {
  readonly #queue: AppendQueue;
  readonly #tickets = new Map<number, Decoded>();
  #nextTicket = 1;

  constructor(options: LogWriterOptions, port: MessagePort) {
    const tell = (news: LogWriterNews) => port.postMessage({ news });
    this.#queue = new AppendQueue({
      ...options,
      elapsed: () => performance.now(),
      onTrouble: (trouble) => tell({ trouble }),
      onDurable: (lastSeq) => tell({ lastSeq }),
    });
  }

  readonly api: LogWriterApi = {
    open: async () => (await this.#queue.writer()).lastSeq,
    append: async ({ tenantId, lines }) => {
      const { writer, decoded } = await this.#decode(tenantId, lines);
      return await this.#queue.append(writer, tenantId, decoded);
    },
    decode: async ({ tenantId, lines }) => {
      const found = await this.#decode(tenantId, lines);
      const ticket = this.#nextTicket++;
      this.#tickets.set(ticket, found);
      return { ticket, devices: [...new Set(found.decoded.devices)] };
    },
    keep: async ({ ticket, refused }) => {
      const { writer, tenantId, decoded } = this.#tickets.get(ticket)!;
      this.#tickets.delete(ticket);
      return await this.#queue.append(
        writer,
        tenantId,
        refused.size === 0 ? decoded : withoutDevices(decoded, refused),
      );
    },
    drop: (ticket) => void this.#tickets.delete(ticket),
    close: async () => await this.#queue.close(),
  };

  async #decode(tenantId: number, lines: TelemetryLines): Promise<Decoded> {
    const writer = await this.#queue.writer();
    return { writer, tenantId, decoded: writer.decode(tenantId, lines) };
  }
}
