import type { MessagePort } from 'node:worker_threads';
import { TELEMETRY_MAX_PROBLEMS, type TelemetryAnswer } from '../../wire/telemetry.js';
import { AppendQueue } from './append-queue.js';
import type { DecodedTelemetry, TelemetryLines } from './decode-telemetry.js';
import type { LogWriter, LogWriterOptions } from './log-writer.js';
import type { RefusedDevices } from './telemetry-log.js';

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
      return await this.#queue.append(writer, tenantId, refused.size === 0 ? decoded : without(decoded, refused));
    },
    drop: (ticket) => void this.#tickets.delete(ticket),
    close: async () => await this.#queue.close(),
  };

  async #decode(tenantId: number, lines: TelemetryLines): Promise<Decoded> {
    const writer = await this.#queue.writer();
    return { writer, tenantId, decoded: writer.decode(tenantId, lines) };
  }
}

/** The messages of all other devices. */
export function without(decoded: DecodedTelemetry, refused: RefusedDevices): DecodedTelemetry {
  const kept: DecodedTelemetry = {
    ...decoded,
    count: 0,
    messages: [],
    devices: [],
    types: [],
    times: [],
    lineNumbers: [],
    keys: new Uint32Array(decoded.keys.length),
    digests: new Uint32Array(decoded.digests.length),
    problems: [...decoded.problems],
  };
  for (let index = 0; index < decoded.count; index++) {
    const device = decoded.devices[index]!;
    const cause = refused.get(device);
    const line = decoded.lineNumbers[index]!;
    if (cause !== undefined) {
      kept.refused++;
      if (kept.problems.length < TELEMETRY_MAX_PROBLEMS) kept.problems.push({ line, kind: 'refused', cause });
      continue;
    }
    kept.keys.set(decoded.keys.subarray(4 * index, 4 * index + 4), 4 * kept.count);
    kept.digests.set(decoded.digests.subarray(2 * index, 2 * index + 2), 2 * kept.count);
    kept.messages.push(decoded.messages[index]!);
    kept.devices.push(device);
    kept.types.push(decoded.types[index]!);
    kept.times.push(decoded.times[index]!);
    kept.lineNumbers.push(line);
    kept.count++;
  }
  kept.problems.sort((a, b) => a.line - b.line);
  return kept;
}
