import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import { OtaError } from '../../core/errors.js';
import { TELEMETRY_MAX_PROBLEMS, type TelemetryAnswer, type TelemetryProblem } from '../../wire/telemetry.js';
import { ADVISORY_LOCK } from '../database/advisory-locks.js';
import type { PostgresDatabase } from '../database/postgres.js';
import { type DecodedTelemetry, TelemetryDecoder, type TelemetryLines, tenantSecret } from './decode-telemetry.js';
import { sampleTable } from './sample-table.js';
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
import { withoutDevices } from './without-devices.js';

const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Lines that are read before other requests have their turn. Bytes. */
const SLICE_BYTES = 256 * 1024;
const MESSAGES_A_COMMIT = 8_192;
const LINE_FEED = 0x0a;

interface Waiting {
  readonly tenantId: number;
  readonly decoded: DecodedTelemetry;
  readonly done: PromiseWithResolvers<Counts>;
}

interface Counts {
  accepted: number;
  duplicates: number;
  /** Line numbers. */
  conflicts: number[];
}

/** A log that the processes of a server share: a table, in which each id stands once for each tenant. */
export class PostgresLog implements TelemetryLog {
  readonly #database: PostgresDatabase;
  readonly #secret: Buffer;
  readonly #decoders = new Map<number, TelemetryDecoder>();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;

  /** @param secret 16 bytes that all processes share */
  constructor(database: PostgresDatabase, secret: Buffer) {
    this.#database = database;
    this.#secret = secret;
  }

  async append(tenantId: number, lines: TelemetryLines, admit?: AdmitDevices): Promise<TelemetryAnswer> {
    const { length } = lines.bytes;
    if (this.#waitingBytes > 0 && this.#waitingBytes + length > MAX_WAITING_BYTES) {
      throw new OtaError('LIMIT_EXCEEDED', 'too much telemetry waits to be written');
    }
    this.#waitingBytes += length;
    try {
      let parts = await this.#decode(tenantId, lines);
      if (admit !== undefined) {
        const refused = await admit([...new Set(parts.flatMap(({ devices }) => devices))]);
        if (refused.size > 0) parts = parts.map((decoded) => withoutDevices(decoded, refused));
      }
      const counts = await Promise.all(parts.map((decoded) => this.#write(tenantId, decoded)));
      return answerOf(parts, counts);
    } finally {
      this.#waitingBytes -= length;
    }
  }

  async read({ tenantId, after, device, maxRows, maxBytes }: ReadRequest): Promise<LogRead> {
    const { rows: extents } = await sql<{ first: number | null; last: number | null }>`
      select (select min(seq) from telemetry) as first, (select max(seq) from telemetry) as last
    `.execute(this.#database.sql);
    const { first, last } = extents[0]!;
    if (first === null || last === null || after >= last) return { messages: [], position: after };
    if (after + 1 < first) {
      return { messages: [], position: first - 1, gap: { from: after + 1, to: first - 1, cause: 'aged' } };
    }
    const ofDevice = device === undefined ? sql`` : sql`and device = ${device}`;
    const { rows } = await sql<Row>`
      select seq, device, time, type, line from telemetry
      where seq > ${after} and seq <= ${last} and tenant_id = ${tenantId} ${ofDevice}
      order by seq limit ${maxRows}`.execute(this.#database.sql);
    const messages = bounded(rows.map(stored), maxBytes);
    const isWhole = messages.length === rows.length && rows.length < maxRows;
    return { messages, position: isWhole ? last : messages.at(-1)!.seq };
  }

  async page(request: PageRequest): Promise<StoredMessage[]> {
    const { tenantId, device, from, to, type, order, behind, limit, maxBytes } = request;
    const direction = order === 'newest' ? 'desc' : 'asc';
    let query = this.#database.sql
      .selectFrom('telemetry')
      .select(['seq', 'device', 'time', 'type', 'line'])
      .where('tenant_id', '=', tenantId)
      .where('device', '=', device)
      .where('time', '>=', from)
      .where('time', '<=', to);
    if (type !== undefined) query = query.where('type', '=', type);
    if (behind !== undefined) {
      const sign = sql.raw(order === 'newest' ? '<' : '>');
      query = query.where(sql<boolean>`(time, seq) ${sign} (${behind.time}, ${behind.seq})`);
    }
    const rows = await query.orderBy('time', direction).orderBy('seq', direction).limit(limit).execute();
    return bounded(rows.map(stored), maxBytes);
  }

  sample(request: SampleRequest): Promise<LogSample> {
    return sampleTable(this.#database, request);
  }

  async lastSeq(): Promise<number> {
    const { rows } = await sql<{ last: number | null }>`select max(seq) as last from telemetry`.execute(
      this.#database.sql,
    );
    return rows[0]?.last ?? 0;
  }

  async seqBefore(time: number): Promise<number> {
    const { rows } = await sql<{ first: number | null }>`
      select min(seq) as first from telemetry where received_at >= ${time}`.execute(this.#database.sql);
    return rows[0]?.first == null ? await this.lastSeq() : rows[0].first - 1;
  }

  onAppended(listener: () => void): () => void {
    return this.#database.listen('fleet_telemetry', listener);
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #decode(tenantId: number, lines: TelemetryLines): Promise<DecodedTelemetry[]> {
    const { bytes } = lines;
    let decoder = this.#decoders.get(tenantId);
    if (decoder === undefined) {
      decoder = new TelemetryDecoder(tenantSecret(this.#secret, tenantId));
      this.#decoders.set(tenantId, decoder);
    }
    const parts: DecodedTelemetry[] = [];
    let firstLine = 1;
    for (let start = 0; start < bytes.length; ) {
      if (start > 0) await nextTurn();
      const end = bytes.indexOf(LINE_FEED, Math.min(start + SLICE_BYTES, bytes.length - 1)) + 1;
      const slice = bytes.subarray(start, end);
      parts.push(decoder.decode({ ...lines, bytes: slice, firstLine }));
      for (let at = slice.indexOf(LINE_FEED); at >= 0; at = slice.indexOf(LINE_FEED, at + 1)) firstLine++;
      start = end;
    }
    return parts;
  }

  /** Joins what comes while the last transaction is on its way. */
  async #write(tenantId: number, decoded: DecodedTelemetry): Promise<Counts> {
    if (decoded.count === 0) return { accepted: 0, duplicates: 0, conflicts: [] };
    const done = Promise.withResolvers<Counts>();
    this.#waiting.push({ tenantId, decoded, done });
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return await done.promise;
  }

  async #writeAll(): Promise<void> {
    await nextTurn(); // behind what has arrived by now
    while (this.#waiting.length > 0) {
      let count = 0;
      let parts = 0;
      while (parts < this.#waiting.length && count < MESSAGES_A_COMMIT) count += this.#waiting[parts++]!.decoded.count;
      const group = this.#waiting.splice(0, parts);
      try {
        const counts = await insertGroup(this.#database, group);
        for (const [index, { done }] of group.entries()) done.resolve(counts[index]!);
      } catch (error) {
        for (const { done } of group) done.reject(error);
      }
    }
  }
}

type Row = { seq: number; device: string; time: number; type: string | null; line: string };

function stored({ line, ...row }: Row): StoredMessage {
  return { ...row, line: Buffer.from(line, 'utf8') };
}

/** Up to the first message with which they are too large. */
function bounded(messages: readonly StoredMessage[], maxBytes: number): StoredMessage[] {
  let bytes = 0;
  let count = 0;
  while (count < messages.length && bytes < maxBytes) bytes += messages[count++]!.line.length;
  return messages.slice(0, count);
}

interface NewRow {
  readonly t: number;
  readonly k: string;
  readonly g: string;
  readonly d: string;
  readonly m: number;
  readonly r: number;
  readonly y: string | null;
  readonly l: string;
}

/** One transaction: inserts each id that is not there, and looks at what those that are there say. */
async function insertGroup(database: PostgresDatabase, group: readonly Waiting[]): Promise<Counts[]> {
  const rows = group.map(({ tenantId, decoded }) => rowsOf(tenantId, decoded));
  const first = new Map<string, NewRow>();
  for (const row of rows.flat()) if (!first.has(keyOf(row))) first.set(keyOf(row), row);
  const json = JSON.stringify([...first.values()]);
  const digests = await database.transaction(async (tx) => {
    await sql`select pg_advisory_xact_lock(${ADVISORY_LOCK.telemetry})`.execute(tx);
    const inserted = await sql<{ tenant_id: number; id_key: string }>`
      insert into telemetry (tenant_id, id_key, digest, device, time, received_at, type, line)
      select t, k, g, d, m, r, y, l from json_to_recordset(${json}::json)
        as n(t bigint, k text, g text, d text, m bigint, r bigint, y text, l text)
      on conflict (tenant_id, id_key) do nothing returning tenant_id, id_key`.execute(tx);
    const isNew = new Set(inserted.rows.map((row) => `${row.tenant_id} ${row.id_key}`));
    const others = JSON.stringify(
      [...first.values()].filter((row) => !isNew.has(keyOf(row))).map(({ t, k }) => ({ t, k })),
    );
    const known = await sql<{ tenant_id: number; id_key: string; digest: string }>`
      select tenant_id, id_key, digest from telemetry
      join json_to_recordset(${others}::json) as n(t bigint, k text) on tenant_id = t and id_key = k`.execute(tx);
    if (isNew.size > 0) await sql`select pg_notify('fleet_telemetry', '')`.execute(tx);
    return new Map(known.rows.map((row) => [`${row.tenant_id} ${row.id_key}`, row.digest]));
  });
  const seen = new Set<string>();
  return rows.map((part, index) => {
    const counts: Counts = { accepted: 0, duplicates: 0, conflicts: [] };
    for (const [at, row] of part.entries()) {
      const key = keyOf(row);
      const kept = digests.get(key) ?? (seen.has(key) ? first.get(key)!.g : undefined);
      seen.add(key);
      if (kept === undefined) counts.accepted++;
      else if (kept === row.g) counts.duplicates++;
      else counts.conflicts.push(group[index]!.decoded.lineNumbers[at]!);
    }
    return counts;
  });
}

function rowsOf(tenantId: number, decoded: DecodedTelemetry): NewRow[] {
  const keys = Buffer.from(decoded.keys.buffer);
  const digests = Buffer.from(decoded.digests.buffer);
  return decoded.messages.map((message, index) => ({
    t: tenantId,
    k: keys.toString('hex', 16 * index, 16 * index + 16),
    g: digests.toString('hex', 8 * index, 8 * index + 8),
    d: decoded.devices[index]!,
    m: decoded.times[index]!,
    r: decoded.receivedAt,
    y: decoded.types[index]!,
    l: Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString('utf8'),
  }));
}

function keyOf({ t, k }: Pick<NewRow, 't' | 'k'>): string {
  return `${t} ${k}`;
}

function answerOf(parts: readonly DecodedTelemetry[], counts: readonly Counts[]): TelemetryAnswer {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const conflicts = counts.flatMap((count) => count.conflicts);
  const problems: TelemetryProblem[] = [
    ...parts.flatMap((part) => part.problems),
    ...conflicts.map((line) => ({ line, kind: 'conflict', cause: 'another message has this id' }) as const),
  ];
  return {
    accepted: sum(counts.map(({ accepted }) => accepted)),
    duplicates: sum(counts.map(({ duplicates }) => duplicates)),
    conflicts: conflicts.length,
    refused: sum(parts.map(({ refused }) => refused)),
    problems: problems.sort((a, b) => a.line - b.line).slice(0, TELEMETRY_MAX_PROBLEMS),
  };
}
