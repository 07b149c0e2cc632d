import { crc32 } from 'node:zlib';
import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import type { BootControl } from './boot-control.js';
import { checkBootControl } from './boot-control-schema.js';
import type { DeviceFs } from './device-fs.js';
import { type Layout, physicalSlots, roundUp } from './layout.js';

const MAGIC = Buffer.from('OTABOOT1', 'latin1');
/** Magic, sequence and length of the JSON. */
const HEADER_BYTES = 16;
const CRC_BYTES = 4;

/** Names of the two copies: commit n is written to the copy n mod 2. */
export const BOOT_CONTROL_FILES = ['boot-control.0', 'boot-control.1'] as const;

/**
 * Size of one copy, bytes: room for the largest state that this layout can come to
 * (16 releases, key ids on two of them, every slot in use).
 */
export function bootControlBytes(layout: Layout): number {
  const components = Object.values(layout.components);
  const slots = components.reduce((sum, component) => sum + physicalSlots(component).length, 0);
  return roundUp(28 * 1024 + components.length * 7 * 1024 + slots * 640, layout.eraseBlockBytes);
}

/**
 * One copy of the boot control block, without the erased rest of its file.
 *
 * @returns bytes, a multiple of the write alignment
 * @throws OtaError DEVICE_STATE_LOST for a state that no reader would accept; LIMIT_EXCEEDED when it does not fit
 */
export function encodeBootControl(control: BootControl, layout: Layout): Buffer {
  checkBootControl(control, layout, 'boot control');
  // Optional fields may be there as undefined, which JSON has no word for.
  const json = canonicalJson(JSON.parse(JSON.stringify(control)) as JsonValue);
  const usedBytes = HEADER_BYTES + json.length + CRC_BYTES;
  const size = roundUp(usedBytes, layout.writeAlignmentBytes);
  const capacity = bootControlBytes(layout);
  if (size > capacity) {
    throw new OtaError('LIMIT_EXCEEDED', `boot control: has ${size} bytes, its place has ${capacity}`);
  }
  const bytes = Buffer.alloc(size, layout.erasedValue);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(control.sequence, 8);
  bytes.writeUInt32LE(json.length, 12);
  json.copy(bytes, HEADER_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES + json.length)), HEADER_BYTES + json.length);
  return bytes;
}

/**
 * Reads one copy.
 *
 * The CRC recognises torn writes, no forgery: whoever can write the storage can make a fitting one.
 *
 * @param bytes the file, or as much of it as holds the copy
 * @param copy  which of the two it is: the block of another commit has no business there
 * @throws OtaError DEVICE_STATE_LOST: this copy does not count
 */
export function decodeBootControl(bytes: Uint8Array, layout: Layout, copy: 0 | 1): BootControl {
  const name = BOOT_CONTROL_FILES[copy];
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(at, layout, name);
  if (end > at.length) throw damaged(name, `ends at byte ${at.length}, its content at ${end}`);
  if (crc32(at.subarray(0, end - CRC_BYTES)) !== at.readUInt32LE(end - CRC_BYTES)) {
    throw damaged(name, 'its checksum does not fit');
  }
  const sequence = at.readUInt32LE(8);
  const control = checkBootControl(jsonOf(at.subarray(HEADER_BYTES, end - CRC_BYTES), name), layout, name);
  if (control.sequence !== sequence) throw damaged(name, `is of commit ${sequence} and says ${control.sequence}`);
  // Each commit has one place: a block in the other would be overwritten last instead of first.
  if (sequence % 2 !== copy) throw damaged(name, `holds commit ${sequence}, which belongs into the other copy`);
  return control;
}

/** Where the content of a copy ends, by its header. */
function endOf(header: Buffer, layout: Layout, name: string): number {
  if (header.length < HEADER_BYTES) throw damaged(name, `has ${header.length} bytes`);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(name, 'holds no boot control block');
  const end = HEADER_BYTES + header.readUInt32LE(12) + CRC_BYTES;
  if (end > bootControlBytes(layout)) throw damaged(name, `its content ends at byte ${end}, outside of its place`);
  return end;
}

function jsonOf(bytes: Buffer, name: string): JsonValue {
  try {
    return parseStrictJson(bytes, { name, maxBytes: bytes.length });
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    throw new OtaError('DEVICE_STATE_LOST', error.message, [], { cause: error });
  }
}

function damaged(name: string, fact: string): OtaError {
  return new OtaError('DEVICE_STATE_LOST', `${name}: ${fact}`);
}

/** What was found in the place of a copy: its commit, or why it does not count. */
export interface BootControlCopy {
  name: string;
  sequence?: number;
  problem?: string;
}

/** The boot control block of a device: what holds, and the only way to change it. */
export class BootControlStore {
  readonly #fs: DeviceFs;
  readonly #layout: Layout;
  #current: BootControl;
  #failed = false;
  /** As found on opening. */
  readonly copies: readonly BootControlCopy[];

  private constructor(fs: DeviceFs, layout: Layout, current: BootControl, copies: readonly BootControlCopy[]) {
    this.#fs = fs;
    this.#layout = layout;
    this.#current = current;
    this.copies = copies;
  }

  /**
   * Reads both copies: of those that are valid, the later commit counts.
   *
   * @param name what to call the device in errors
   * @throws OtaError DEVICE_STATE_LOST when none is valid; as {@link DeviceFs}
   */
  static async open(fs: DeviceFs, layout: Layout, name: string): Promise<BootControlStore> {
    const found = [await readCopy(fs, layout, 0), await readCopy(fs, layout, 1)];
    const valid = found.flatMap(({ control }) => (control === undefined ? [] : [control]));
    const current = valid.sort((a, b) => b.sequence - a.sequence)[0];
    const copies = found.map(
      ({ name, control, problem }): BootControlCopy =>
        control === undefined ? { name, problem } : { name, sequence: control.sequence },
    );
    if (current === undefined) {
      const why = copies.map(({ problem }) => problem).join('; ');
      throw new OtaError('DEVICE_STATE_LOST', `${name}: no copy of the boot control block is valid: ${why}`, [
        'What it ran cannot be told from what somebody put there: set the device up again with `ota device init`.',
      ]);
    }
    return new BootControlStore(fs, layout, current, copies);
  }

  /**
   * Preallocates both copies and writes the first state to each, as commits 0 and 1: damage to one of them must not
   * stop a device that has never been updated.
   *
   * @param first commit 1
   * @throws OtaError as {@link commit}
   */
  static async create(fs: DeviceFs, layout: Layout, first: BootControl): Promise<void> {
    for (const control of [{ ...first, sequence: first.sequence - 1 }, first]) {
      const name = copyOf(control.sequence);
      await fs.erase(name, 0, bootControlBytes(layout));
      await fs.write(name, 0, encodeBootControl(control, layout));
      await fs.sync(name);
    }
    await fs.syncDirectory();
  }

  /** The state that holds. */
  get current(): BootControl {
    return this.#current;
  }

  /**
   * Makes `next` hold, durably: before this returns the present state holds, after it the next one, and a power
   * cut in between leaves either. Needs no free space.
   *
   * @param next its sequence is the present one plus one
   * @throws OtaError as {@link encodeBootControl}, before anything is written; as {@link DeviceFs}: the present state
   *   holds then, as far as the storage can still be told so, and this store takes no further commit
   */
  async commit(next: BootControl): Promise<void> {
    if (this.#failed) throw new Error('a commit has failed: open the device again');
    const expected = this.#current.sequence + 1;
    if (next.sequence !== expected) throw new Error(`commit ${next.sequence} after ${this.#current.sequence}`);
    const bytes = encodeBootControl(next, this.#layout);
    const name = copyOf(next.sequence);
    const capacity = bootControlBytes(this.#layout);
    try {
      await this.#fs.erase(name, 0, capacity);
      await this.#fs.write(name, 0, bytes);
      await this.#fs.sync(name);
      const readBack = Buffer.alloc(bytes.length);
      await this.#fs.read(name, readBack, 0);
      if (!readBack.equals(bytes)) throw new OtaError('IO_FAILED', `${name}: does not hold what was written to it`);
    } catch (error) {
      this.#failed = true;
      // After a failed sync nobody knows what a power cut would leave; erased, it cannot hold by surprise later.
      await this.#fs.erase(name, 0, capacity).catch(() => {});
      await this.#fs.sync(name).catch(() => {});
      throw error;
    }
    this.#current = next;
  }

  /**
   * As {@link commit}, and once more into the other copy: no damage to one of them takes this back.
   *
   * @returns false where only the first of the two could be written, which is enough for the state to hold
   */
  async commitToBoth(next: BootControl): Promise<boolean> {
    await this.commit(next);
    try {
      await this.commit({ ...next, sequence: next.sequence + 1 });
      return true;
    } catch (error) {
      if (!(error instanceof OtaError)) throw error;
      return false;
    }
  }
}

function copyOf(sequence: number): (typeof BOOT_CONTROL_FILES)[number] {
  return BOOT_CONTROL_FILES[sequence % 2 === 0 ? 0 : 1];
}

interface ReadCopy {
  name: string;
  control?: BootControl;
  problem?: string;
}

/**
 * One unreadable copy must not keep the device from booting with the other. It is tried twice: a passing error
 * must not undo the last commit.
 */
async function readCopy(fs: DeviceFs, layout: Layout, copy: 0 | 1, retry = true): Promise<ReadCopy> {
  const name = BOOT_CONTROL_FILES[copy];
  try {
    return { name, control: await controlIn(fs, layout, copy) };
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    if (error.code === 'IO_FAILED' && retry) return await readCopy(fs, layout, copy, false);
    if (error.code !== 'DEVICE_STATE_LOST' && error.code !== 'IO_FAILED') throw error;
    return { name, problem: error.message };
  }
}

async function controlIn(fs: DeviceFs, layout: Layout, copy: 0 | 1): Promise<BootControl> {
  const name = BOOT_CONTROL_FILES[copy];
  if ((await fs.size(name)) === undefined) throw damaged(name, 'is missing');
  const header = Buffer.alloc(HEADER_BYTES);
  const got = await fs.read(name, header, 0);
  const content = Buffer.alloc(endOf(header.subarray(0, got), layout, name));
  return decodeBootControl(content.subarray(0, await fs.read(name, content, 0)), layout, copy);
}
