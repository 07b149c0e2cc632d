import { createHash, type Hash } from 'node:crypto';
import { OtaError } from '../../core/errors.js';
import type { RandomAccess } from '../../core/random-access.js';
import type { Covers } from '../match/covers.js';
import { firstCoverFrom } from '../otad/blocks.js';
import { CHUNK_HASH_BYTES, type OtadHeader } from '../otad/header.js';
import { readExactly } from '../read-exactly.js';
import type { InPlaceDevice } from './in-place-device.js';
import { type OldRanges, partsOf } from './old-ranges.js';
import { type SlotLayout, slotLayout } from './slot-layout.js';
import { stashedBase } from './stashed-base.js';

/** What of a patch's control section an update in place is made by. */
export interface InPlaceControl {
  covers: Covers;
  stash: OldRanges;
}

/**
 * The slot of a device while its image is updated in place.
 *
 * A power cut may come at any write. What was done is found again by the hashes that the patch has, so that
 * there is no journal that could itself be torn:
 * - the stash was saved when it has its hash; nothing is overwritten before;
 * - a block was made when it has its hash;
 * - a block that reads its own place is first written to the place of the block in work. Torn afterwards, it is
 *   taken from there. A block that does not can be made again, because its order says that what it reads is
 *   still there.
 */
export class SlotUpdate {
  readonly #header: OtadHeader;
  readonly #device: InPlaceDevice;
  readonly #control: InPlaceControl;
  readonly #layout: SlotLayout;
  /** Of one block. */
  readonly #buffer: Uint8Array;

  /** @throws OtaError DOES_NOT_FIT when the slot is too small */
  constructor(header: OtadHeader, device: InPlaceDevice, control: InPlaceControl) {
    this.#header = header;
    this.#device = device;
    this.#control = control;
    this.#layout = slotLayout(header);
    if (device.size < this.#layout.endAt) {
      throw new OtaError(
        'DOES_NOT_FIT',
        `${device.name}: has ${device.size} bytes, the update in place needs ${this.#layout.endAt}: ` +
          `${this.#layout.workAt} for the images and ${this.#layout.endAt - this.#layout.workAt} behind them`,
        ['Make the patch again for as much space as there is.'],
      );
    }
    this.#buffer = new Uint8Array(this.#layout.blockBytes);
  }

  /**
   * Saves what will be read after it was overwritten, unless a run that was cut has done so.
   *
   * @returns the old image, to be read as long as the update goes on
   * @throws OtaError BASE_MISMATCH when the slot holds another image
   */
  async begin(): Promise<RandomAccess> {
    if (this.#header.stashBytes > 0 && !(await this.#hasStash())) {
      // before the first write: another update that was cut may have its stash there, and could not go on without
      await this.#requireStashable();
      await this.#saveStash();
      if (!(await this.#hasStash())) throw this.#failing(this.#layout.stashAt, this.#header.stashBytes);
    }
    return stashedBase(this.#device, this.#header.baseSize, this.#control.stash, this.#layout.stashAt);
  }

  /** Whether a block has its bytes; one that a power cut has torn gets them here. */
  async isMade(number: number): Promise<boolean> {
    const { at, length } = this.#place(number);
    const bytes = this.#buffer.subarray(0, length);
    await readExactly(this.#device, bytes, at);
    if (this.#isRight(number, bytes)) return true;
    await readExactly(this.#device, bytes, this.#layout.workAt);
    if (!this.#isRight(number, bytes)) return false;
    await this.#write(bytes, at);
    return true;
  }

  /** Puts a block in its place, durably. */
  async put(number: number, bytes: Uint8Array): Promise<void> {
    const { at } = this.#place(number);
    if (this.#readsItself(number)) await this.#write(bytes, this.#layout.workAt);
    await this.#write(bytes, at);
  }

  #place(number: number): { at: number; length: number } {
    const at = number * this.#layout.blockBytes;
    return { at, length: Math.min(this.#layout.blockBytes, this.#header.targetSize - at) };
  }

  #isRight(number: number, bytes: Uint8Array): boolean {
    const hash = createHash('sha256').update(bytes).digest().subarray(0, CHUNK_HASH_BYTES);
    return hash.equals(this.#header.chunkHashes[number]!);
  }

  #readsItself(number: number): boolean {
    const { covers, stash } = this.#control;
    const { at, length } = this.#place(number);
    for (let i = firstCoverFrom(covers, at); i < covers.count && covers.newAt[i]! < at + length; i++) {
      for (const part of partsOf(stash, covers.oldAt[i]!, covers.length[i]!)) {
        if (part.range === undefined && part.oldAt < at + length && part.oldAt + part.length > at) return true;
      }
    }
    return false;
  }

  async #hasStash(): Promise<boolean> {
    const hash = createHash('sha256');
    for await (const part of this.#parts(this.#layout.stashAt, this.#header.stashBytes)) hash.update(part);
    return this.#isStash(hash);
  }

  /** Whether what will be stashed is in its place. */
  async #requireStashable(): Promise<void> {
    const { count, oldAt, length } = this.#control.stash;
    const hash = createHash('sha256');
    for (let range = 0; range < count; range++) {
      for await (const part of this.#parts(oldAt[range]!, length[range]!)) hash.update(part);
    }
    if (this.#isStash(hash)) return;
    throw new OtaError('BASE_MISMATCH', `${this.#device.name}: does not hold the image that the patch was made for`, [
      'Compare its SHA-256 with that of the base.',
    ]);
  }

  async #saveStash(): Promise<void> {
    const { count, oldAt, length } = this.#control.stash;
    let to = this.#layout.stashAt;
    for (let range = 0; range < count; range++) {
      for await (const part of this.#parts(oldAt[range]!, length[range]!)) {
        await this.#device.write(part, to);
        to += part.length;
      }
    }
    await this.#device.sync();
  }

  #isStash(hash: Hash): boolean {
    return hash.digest().subarray(0, CHUNK_HASH_BYTES).equals(this.#header.stashHash);
  }

  /** Bytes of the device, a block at a time in the same buffer. */
  async *#parts(at: number, length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let done = 0; done < length; done += this.#buffer.length) {
      const part = this.#buffer.subarray(0, Math.min(this.#buffer.length, length - done));
      await readExactly(this.#device, part, at + done);
      yield part;
    }
  }

  /** Writes, syncs and reads back. */
  async #write(bytes: Uint8Array, at: number): Promise<void> {
    await this.#device.write(bytes, at);
    await this.#device.sync();
    const back =
      bytes.buffer === this.#buffer.buffer ? new Uint8Array(bytes.length) : this.#buffer.subarray(0, bytes.length);
    await readExactly(this.#device, back, at);
    if (Buffer.compare(back, bytes) === 0) return;
    throw this.#failing(at, bytes.length);
  }

  #failing(at: number, length: number): OtaError {
    return new OtaError(
      'IO_FAILED',
      `${this.#device.name}: bytes ${at} to ${at + length} read back other than they were written`,
      ['Run again; if it stays so, the storage of the device is failing.'],
    );
  }
}
