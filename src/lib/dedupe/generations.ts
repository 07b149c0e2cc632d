import { join } from 'node:path';
import type { GenerationLog, LogContext } from './generation-log.js';
import { KeyTable } from './key-table.js';
import type { Segment } from './segment.js';
import type { DamagedBlock } from './store.js';
import { parseStoreFileName, segmentName } from './store-names.js';
import type { WindowIndex } from './window-index.js';
import type { WindowPlan } from './window-plan.js';

/** Room in a table beyond a full generation: for what is judged while its last commit waits. */
const TABLE_SLACK = 1.25;

/** What is known of a store's generations once they are opened. */
export interface OpenedGenerations {
  readonly index: WindowIndex;
  readonly segments: Segment[];
  readonly active: GenerationLog;
  readonly oldest: number;
  readonly unreadable: readonly number[];
  readonly damage: readonly DamagedBlock[];
}

/** The generations of an open store: files, and what of them is in memory. */
export class Generations {
  readonly index: WindowIndex;
  /** Sealed generations, the oldest first. */
  readonly segments: Segment[];
  /** Full, and on its way to become a segment. */
  sealing: GenerationLog | undefined;
  /** Takes new keys. */
  active: GenerationLog;
  /** The oldest one that counts. */
  oldest: number;
  damage: readonly DamagedBlock[];
  readonly #context: LogContext;
  #unreadable: readonly number[];

  constructor(context: LogContext, opened: OpenedGenerations) {
    this.#context = context;
    this.index = opened.index;
    this.segments = opened.segments;
    this.active = opened.active;
    this.oldest = opened.oldest;
    this.damage = opened.damage;
    this.#unreadable = opened.unreadable;
  }

  /** Those that are not sealed, the oldest first. */
  get logs(): readonly GenerationLog[] {
    return this.sealing === undefined ? [this.active] : [this.sealing, this.active];
  }

  get sealedKeys(): number {
    return sum(this.segments.map(({ keyCount }) => keyCount));
  }

  /** Those that are not committed included. */
  get keys(): number {
    return this.sealedKeys + sum(this.logs.map(({ table }) => table.count));
  }

  get diskBytes(): number {
    return sum([...this.segments.map(({ file }) => file.size), ...this.logs.map(({ bytes }) => bytes)]);
  }

  get memoryBytes(): number {
    return (
      this.index.filterBytes +
      sum([...this.logs.map(({ table }) => table.byteLength), ...this.segments.map(({ memoryBytes }) => memoryBytes)])
    );
  }

  /** Event times of a generation, as far as they are known. */
  timesOf(generation: number): { firstTimeMs?: number; lastTimeMs?: number } {
    const log = this.logs.find((one) => one.generation === generation);
    const segment = this.segments.find(({ header }) => header.generation === generation);
    const firstTimeMs = log === undefined ? segment?.header.firstTimeMs : log.firstTimeMs;
    const lastTimeMs = log === undefined ? segment?.header.lastTimeMs : log.last?.eventTimeMs;
    return {
      ...(firstTimeMs === undefined ? {} : { firstTimeMs }),
      ...(lastTimeMs === undefined ? {} : { lastTimeMs }),
    };
  }

  /** Event time at which the oldest one begins. */
  get oldestTimeMs(): number | undefined {
    return this.segments[0] === undefined ? this.logs[0]!.firstTimeMs : this.segments[0].header.firstTimeMs;
  }

  /** Forgets these, which are the oldest. A durable frame has said already that they do not count. */
  async forget(aged: readonly Segment[]): Promise<void> {
    const { fs, directory } = this.#context;
    this.segments.splice(0, aged.length);
    for (const { header } of aged) this.index.drop(header.generation);
    for (const segment of aged) {
      await segment.close();
      await fs.remove(join(directory, segmentName(segment.header.generation)));
    }
    const isLeft = (generation: number) => generation >= this.oldest;
    for (const generation of this.#unreadable.filter((one) => !isLeft(one))) {
      await fs.remove(join(directory, segmentName(generation)));
    }
    this.#unreadable = this.#unreadable.filter(isLeft);
    this.damage = this.damage.filter(({ file }) => isLeft(parseStoreFileName(file)!.generation));
  }

  async closeFiles(): Promise<void> {
    await Promise.all([...this.segments, ...this.logs].map((file) => file.close()));
  }
}

/** Keys that a new table has room for. */
export function tableKeys({ generationKeys }: WindowPlan): number {
  return Math.ceil(generationKeys * TABLE_SLACK);
}

export function newTable(plan: WindowPlan, { digestBytes }: LogContext): KeyTable {
  return new KeyTable(tableKeys(plan), digestBytes > 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
