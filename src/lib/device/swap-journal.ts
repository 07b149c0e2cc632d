import { crc32 } from 'node:zlib';
import { type Flash, growTo, isErased, readFlash } from './flash.js';
import { componentLayout, swapJournalBytes, swapRecordBytes } from './layout.js';

/** Steps of a block: 1 scratch ← first, 2 first ← second, 3 second ← scratch. */
export type SwapStep = 1 | 2 | 3;

export interface SwapProgress {
  /** Index of the erase block. */
  block: number;
  /** The last step that is done. */
  step: SwapStep;
}

/** Read at a time, bytes: a multiple of every write alignment. */
const WINDOW_BYTES = 256 * 1024;

/**
 * How far the exchange of two slots has come, in flash: 16 bytes for each step that is durable (id of the swap,
 * block, step, CRC-32, each a little-endian u32), padded to the write alignment.
 *
 * Records are only ever added. A torn one is passed over, since it can be erased only with its block. The file has
 * two halves with room for a whole swap each; when one is full, the other is erased and goes on, so that the last
 * record is never lost.
 */
export class SwapJournal {
  readonly #flash: Flash;
  readonly #file: string;
  readonly #id: number;
  readonly #halfBytes: number;
  readonly #strideBytes: number;
  #progress: SwapProgress | undefined;
  /** Where the next record goes; undefined: a half must be erased first. */
  #next: number | undefined;
  /** Start of the half that has the last record. */
  #half: number;

  private constructor(flash: Flash, component: string, id: number) {
    this.#flash = flash;
    this.#file = swapJournalFile(component);
    this.#id = id;
    this.#strideBytes = swapRecordBytes(flash.layout);
    this.#halfBytes = journalBytes(flash, component) / 2;
    this.#half = 0;
  }

  /**
   * @param id of the swap: records of others do not count
   * @throws OtaError as `DeviceFs`
   */
  static async open(flash: Flash, component: string, id: number): Promise<SwapJournal> {
    const journal = new SwapJournal(flash, component, id);
    await journal.#scan();
    return journal;
  }

  /** The last step that is done; undefined before the first. */
  get progress(): SwapProgress | undefined {
    return this.#progress;
  }

  /** Adds a record, durably. The step it tells of must be durable before. */
  async add({ block, step }: SwapProgress): Promise<void> {
    const { fs } = this.#flash.machine;
    if (this.#next === undefined) {
      const other = this.#half === 0 ? this.#halfBytes : 0;
      await fs.erase(this.#file, other, this.#halfBytes);
      this.#half = other;
      this.#next = other;
    }
    const record = Buffer.alloc(this.#strideBytes, this.#flash.layout.erasedValue);
    record.writeUInt32LE(this.#id, 0);
    record.writeUInt32LE(block, 4);
    record.writeUInt32LE(step, 8);
    record.writeUInt32LE(crc32(record.subarray(0, 12)), 12);
    await fs.write(this.#file, this.#next, record);
    await fs.sync(this.#file);
    this.#progress = { block, step };
    const after = this.#next + this.#strideBytes;
    this.#next = after < this.#half + this.#halfBytes ? after : undefined;
  }

  async #scan(): Promise<void> {
    const halves = [await this.#scanHalf(0), await this.#scanHalf(this.#halfBytes)] as const;
    const [first, second] = halves;
    const later = isLater(second.progress, first.progress) ? second : first;
    this.#progress = later.progress;
    this.#half = later.start;
    this.#next = later.next;
    // Nothing of this swap yet: either half will do, if it has room.
    if (later.progress === undefined && later.next === undefined) {
      this.#half = second.start;
      this.#next = second.next;
    }
  }

  async #scanHalf(start: number): Promise<{ start: number; progress?: SwapProgress; next: number | undefined }> {
    // Beyond the end of the file everything is erased: a journal that was never written is not read.
    const size = (await this.#flash.machine.fs.size(this.#file)) ?? 0;
    const end = Math.min(this.#halfBytes, size - start);
    let progress: SwapProgress | undefined;
    let used = 0;
    for (let from = 0; from < end; from += WINDOW_BYTES) {
      const window = Buffer.alloc(Math.min(WINDOW_BYTES, this.#halfBytes - from));
      await readFlash(this.#flash, this.#file, window, start + from);
      if (isErased(window, this.#flash.layout.erasedValue)) continue;
      for (let at = 0; at < window.length; at += this.#strideBytes) {
        const place = window.subarray(at, at + this.#strideBytes);
        if (isErased(place, this.#flash.layout.erasedValue)) continue;
        used = from + at + this.#strideBytes;
        const found = this.#decode(place);
        if (isLater(found, progress)) progress = found;
      }
    }
    return { start, ...(progress && { progress }), next: used < this.#halfBytes ? start + used : undefined };
  }

  #decode(place: Buffer): SwapProgress | undefined {
    if (crc32(place.subarray(0, 12)) !== place.readUInt32LE(12) || place.readUInt32LE(0) !== this.#id) return undefined;
    const step = place.readUInt32LE(8);
    return step === 1 || step === 2 || step === 3 ? { block: place.readUInt32LE(4), step } : undefined;
  }
}

/** Makes the journal of a component as large as it can become. @returns the file, where it grew */
export async function prepareJournal(flash: Flash, component: string): Promise<string | undefined> {
  const file = swapJournalFile(component);
  return (await growTo(flash, file, journalBytes(flash, component))) ? file : undefined;
}

/** `<component>.swap` */
export function swapJournalFile(component: string): string {
  return `${component}.swap`;
}

function journalBytes({ layout }: Pick<Flash, 'layout'>, component: string): number {
  return swapJournalBytes(layout, componentLayout(layout, component)!.slotBytes);
}

function isLater(one: SwapProgress | undefined, other: SwapProgress | undefined): boolean {
  if (one === undefined || other === undefined) return one !== undefined;
  return one.block > other.block || (one.block === other.block && one.step > other.step);
}
