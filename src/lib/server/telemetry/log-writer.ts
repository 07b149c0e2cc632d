import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../core/errors.js';
import { openDurableFs } from '../../core/node-durable-fs.js';
import { openPartitionedStore, type PartitionedStore } from '../../dedupe/partitioned-store.js';
import { VERDICT } from '../../dedupe/store.js';
import { type DecodedTelemetry, TelemetryDecoder, type TelemetryLines, tenantSecret } from './decode-telemetry.js';
import { listGenerations, openToRead } from './generation-file.js';
import { GenerationReader, type Row } from './generation-reader.js';
import { GenerationWriter, type Selection } from './generation-writer.js';

/** Ids whose keys the store holds in memory alone before it commits them: what has to be read again after a crash. */
const KEYS_A_COMMIT = 64 * 1024;
/** Folder of the store of ids. */
const IDS = 'ids';
const LINE_FEED = Buffer.from('\n');

export interface LogWriterOptions {
  readonly directory: string;
  /** Of all files together. */
  readonly maxBytes: number;
  /** Newest ids that are known as sent already. */
  readonly windowKeys: number;
}

export interface LogPart {
  readonly tenantId: number;
  readonly decoded: DecodedTelemetry;
}

/**
 * Writes the log, each id once for each tenant.
 *
 * The log is the truth, and the store of ids follows it (docs/decisions/0010): ids are judged in memory, the log
 * is made durable, and now and then the store commits how far it has come. What the log holds behind that is read again
 * when it is opened. After a write that failed, the memory knows ids that the log does not hold: throw it away and open
 * another.
 */
export class LogWriter {
  /** What was found damaged when it was opened. */
  readonly troubles: readonly string[];
  readonly #log: GenerationWriter;
  readonly #ids: PartitionedStore;
  readonly #decoders = new Map<number, TelemetryDecoder>();
  #pendingKeys = 0;
  /** Never rejects: what failed is kept, and thrown by the next append. */
  #commit: Promise<void> = Promise.resolve();
  #isCommitting = false;
  #failure: unknown;

  private constructor(log: GenerationWriter, ids: PartitionedStore, troubles: readonly string[]) {
    this.#log = log;
    this.#ids = ids;
    this.troubles = troubles;
  }

  /** @throws OtaError NO_SPACE, IO_FAILED, LOCKED */
  static async open({ directory, maxBytes, windowKeys }: LogWriterOptions): Promise<LogWriter> {
    const log = new GenerationWriter(directory, maxBytes);
    let ids: PartitionedStore | undefined;
    try {
      const troubles: string[] = [];
      if (log.damagedPath !== undefined) {
        troubles.push(`${log.damagedPath} is damaged: what can be read of it is served, new messages go elsewhere`);
      }
      ids = await openIds(directory, windowKeys).catch(async (error: unknown) => {
        if (!(error instanceof OtaError && (error.code === 'STORE_DAMAGED' || error.code === 'STORE_MISMATCH')))
          throw error;
        troubles.push(`${error.message}: the ids of telemetry are read from its log again`);
        await rm(join(directory, IDS), { recursive: true });
        return await openIds(directory, windowKeys);
      });
      const writer = new LogWriter(log, ids, troubles);
      await writer.#readTail(directory);
      return writer;
    } catch (error) {
      log.close();
      await ids?.close();
      throw error;
    }
  }

  get lastSeq(): number {
    return this.#log.lastSeq;
  }

  decode(tenantId: number, lines: TelemetryLines): DecodedTelemetry {
    return this.#decoder(tenantId).decode(lines);
  }

  /**
   * Judges all parts in order, and writes what is new in one transaction. It is durable when this returns.
   *
   * @throws OtaError NO_SPACE, IO_FAILED, STORE_DAMAGED; nothing was written then, and the writer is of no more use
   */
  append(parts: readonly LogPart[]): Uint8Array[] {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const verdicts = parts.map(({ decoded: { count, keys, digests } }) =>
        this.#ids.seenOrInsert({ count, keys, digests }),
      );
      const selections: Selection[] = parts.map((part, index) => ({ ...part, selected: newOnes(verdicts[index]!) }));
      const newKeys = selections.reduce((sum, { selected }) => sum + selected.length, 0);
      if (newKeys > 0) {
        this.#log.append(selections);
        this.#log.age();
      }
      this.#pendingKeys += newKeys;
      if (this.#pendingKeys >= KEYS_A_COMMIT && !this.#isCommitting) this.#beginCommit();
      return verdicts;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#commit;
    try {
      if (this.#failure === undefined && this.#pendingKeys > 0) await this.#commitNow();
    } finally {
      this.#log.close();
      await this.#ids.close();
    }
  }

  #beginCommit(): void {
    this.#isCommitting = true;
    this.#commit = this.#commitNow()
      .then(() => {
        this.#isCommitting = false;
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  async #commitNow(): Promise<void> {
    this.#pendingKeys = 0;
    await this.#ids.commit({ data: Buffer.from(JSON.stringify({ seq: this.#log.lastSeq })) });
  }

  /** Inserts the ids that the log holds and the store did not commit. */
  async #readTail(directory: string): Promise<void> {
    const [store] = [...this.#ids.stores.values()];
    const [checkpoint] = store!.checkpoints();
    let after = checkpoint === undefined ? 0 : (JSON.parse(Buffer.from(checkpoint.data).toString()).seq as number);
    for (const { path, firstSeq, lastSeq } of listGenerations(directory)) {
      const upTo = Math.min(lastSeq, this.#log.lastSeq);
      after = Math.max(after, firstSeq - 1);
      const reader = new GenerationReader(openToRead(path));
      try {
        while (true) {
          const read = reader.read({ after, upTo, maxRows: 4_096, maxBytes: 4 * 1024 ** 2 });
          for (const row of read.messages) this.#insertId(row);
          if (read.messages.length === 0 && read.gap === undefined) break; // the end of this file
          after = read.position;
          if (this.#pendingKeys >= KEYS_A_COMMIT) await this.#commitTail(after);
        }
      } finally {
        reader.close();
      }
    }
    if (this.#pendingKeys > 0) await this.#commitTail(this.#log.lastSeq);
  }

  #insertId({ tenant, device, line }: Row): void {
    const bytes = Buffer.concat([line, LINE_FEED]);
    const { count, keys, digests } = this.#decoder(tenant).decode({ bytes, device, receivedAt: 0 });
    this.#ids.seenOrInsert({ count, keys, digests });
    this.#pendingKeys += count;
  }

  async #commitTail(seq: number): Promise<void> {
    this.#pendingKeys = 0;
    await this.#ids.commit({ data: Buffer.from(JSON.stringify({ seq })) });
  }

  #decoder(tenantId: number): TelemetryDecoder {
    let decoder = this.#decoders.get(tenantId);
    if (decoder === undefined) {
      decoder = new TelemetryDecoder(tenantSecret(this.#ids.secret, tenantId));
      this.#decoders.set(tenantId, decoder);
    }
    return decoder;
  }
}

async function openIds(directory: string, windowKeys: number): Promise<PartitionedStore> {
  return await openPartitionedStore(join(directory, IDS), {
    fs: openDurableFs(),
    tenant: 'all', // tenants have keys of their own
    partitions: 1,
    sinkId: 'telemetry',
    window: { keys: windowKeys },
    digestBytes: 8,
    sealing: 'worker',
  });
}

function newOnes(verdicts: Uint8Array): number[] {
  const selected: number[] = [];
  for (let index = 0; index < verdicts.length; index++) if (verdicts[index] === VERDICT.new) selected.push(index);
  return selected;
}
