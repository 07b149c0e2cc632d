import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { isDamage } from '../database/sqlite-failure.js';
import { MAX_SAMPLED_BYTES } from './sample-tally.js';
import type { LogRead, PageRequest, StoredMessage } from './telemetry-log.js';

/** Of a damaged stretch, before larger ones. */
const SINGLE_STEPS = 1_000;

export interface GenerationRead {
  readonly tenantId?: number;
  /** Sequence number. */
  readonly after: number;
  /** The last one that may be read, and that the file may hold. */
  readonly upTo: number;
  readonly device?: string | undefined;
  readonly maxRows: number;
  readonly maxBytes: number;
}

export interface NewestLines {
  readonly tenantId: number;
  readonly device: string;
  /** Sequence number. */
  readonly after: number;
  readonly limit: number;
}

export type Row = StoredMessage & { readonly tenant: number; readonly crc: number };

/** Reads a file of the log. What is damaged in it is told and left out; the rest is served. */
export class GenerationReader {
  readonly #file: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: DatabaseSync) {
    this.#file = file;
  }

  read({ tenantId, after, upTo, device, maxRows, maxBytes }: GenerationRead): LogRead & { messages: Row[] } {
    const messages: Row[] = [];
    if (after >= upTo) return { messages, position: after };
    const parameters = [after, upTo, ...(tenantId === undefined ? [] : [tenantId]), ...(device ? [device] : [])];
    const condition = `${tenantId === undefined ? '' : 'and tenant = ?'} ${device ? 'and device = ?' : ''}`;
    let position = after;
    let bytes = 0;
    try {
      const select = this.#prepared(
        `select * from message not indexed where seq > ? and seq <= ? ${condition} order by seq`,
      );
      for (const row of select.iterate(...parameters) as Iterable<Row>) {
        if (crc32(row.line) !== row.crc) return damagedAt(messages, row.seq, this.#lastUnreadable(row.seq, upTo));
        messages.push(row);
        position = row.seq;
        bytes += row.line.length;
        if (messages.length >= maxRows || bytes >= maxBytes) return { messages, position };
      }
      return { messages, position: upTo };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return damagedAt(messages, position + 1, this.#lastUnreadable(position + 1, upTo));
    }
  }

  /** By time; a file whose index is damaged gives none. */
  page(request: PageRequest): StoredMessage[] {
    const { tenantId, device, from, to, type, order, behind, limit, maxBytes } = request;
    const [direction, sign] = order === 'newest' ? ['desc', '<'] : ['asc', '>'];
    const clauses = ['tenant = ? and device = ? and time between ? and ?'];
    const parameters: (number | string)[] = [tenantId, device, from, to];
    if (type !== undefined) {
      clauses.push('type = ?');
      parameters.push(type);
    }
    if (behind !== undefined) {
      clauses.push(`(time, seq) ${sign} (?, ?)`);
      parameters.push(behind.time, behind.seq);
    }
    const messages: StoredMessage[] = [];
    let bytes = 0;
    try {
      const select = this.#prepared(
        `select * from message where ${clauses.join(' and ')} order by time ${direction}, seq ${direction} limit ?`,
      );
      for (const row of select.iterate(...parameters, limit) as Iterable<Row>) {
        if (crc32(row.line) !== row.crc) continue;
        messages.push(row);
        bytes += row.line.length;
        if (bytes >= maxBytes) break;
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    return messages;
  }

  /** How many messages of a device came behind a sequence number, and the newest of them; a damaged file gives none. */
  newestLines({ tenantId, device, after, limit }: NewestLines): { total: number; lines: string[] } {
    const lines: string[] = [];
    const which = 'from message where tenant = ? and device = ? and seq > ?';
    try {
      const count = this.#prepared(`select count(*) as n ${which}`).get(tenantId, device, after) as { n: number };
      if (count.n === 0 || limit <= 0) return { total: count.n, lines };
      const select = this.#prepared(`select crc, line ${which} and length(line) <= ? order by time desc limit ?`);
      for (const { crc, line } of select.iterate(tenantId, device, after, MAX_SAMPLED_BYTES, limit) as Iterable<Row>) {
        if (crc32(line) === crc)
          lines.push(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'));
      }
      return { total: count.n, lines };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { total: 0, lines: [] };
    }
  }

  /** Sequence number of the first commit at or after a time, or undefined. */
  firstSince(time: number): number | undefined {
    try {
      const select = this.#prepared('select min(seq) as seq from arrival where time >= ?');
      return (select.get(time) as { seq: number | null }).seq ?? undefined;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return undefined;
    }
  }

  close(): void {
    this.#file.close();
  }

  /** The end of a damaged stretch: step by step, and of a long one by steps that double and then by halves. */
  #lastUnreadable(first: number, upTo: number): number {
    let low = first;
    for (let steps = 0; steps < SINGLE_STEPS; steps++) {
      if (low === upTo || this.#isReadable(low + 1)) return low;
      low++;
    }
    let step = 1;
    while (low + step <= upTo && !this.#isReadable(low + step)) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, upTo + 1);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#isReadable(middle)) high = middle;
      else low = middle;
    }
    return low;
  }

  /** Whether a read goes on at this number. */
  #isReadable(seq: number): boolean {
    try {
      const row = this.#prepared('select * from message where seq >= ? order by seq limit 1').get(seq) as
        | Row
        | undefined;
      return row === undefined || crc32(row.line) === row.crc;
    } catch (error) {
      if (isDamage(error)) return false;
      throw error;
    }
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#file.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function damagedAt(messages: Row[], from: number, to: number): LogRead & { messages: Row[] } {
  return { messages, position: to, gap: { from, to, cause: 'damaged' } };
}
