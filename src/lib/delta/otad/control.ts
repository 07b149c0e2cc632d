import { NO_RANGES, type OldRanges, rangesOf, totalBytes } from '../inplace/old-ranges.js';
import type { Covers } from '../match/covers.js';
import { invalidPatch } from '../patch-error.js';
import { type AddressSpaces, MACHINES, type Segment } from '../predict/address-space.js';
import { LEAST_BLOCK_BITS } from '../predict/blocks.js';
import { chunkCount, type OtadHeader } from './header.js';

/** What the control section of a patch says: everything that must be known before the first byte is made. */
export interface Control extends ControlFields {
  covers: Covers;
}

/** All of it but the covers. */
export interface ControlFields {
  spaces: AddressSpaces;
  /** Base-2 logarithm of the size of blocks. */
  blockBits: number;
  /** Numbers of the chunks in the order in which they are made. */
  order: Int32Array;
  /** Old bytes that are saved before anything is overwritten in place. */
  stash: OldRanges;
}

/** Where the numbers of the control section come from, in order. */
export interface NumberSource {
  /** @throws OtaError PATCH_INVALID when it is above `most` */
  unsigned(most: number, what: string): Promise<number>;
}

/** Blocks of images in which nothing is predicted have this size, and none is larger: a step of the applier, 4 KiB. */
export const MOST_BLOCK_BITS = 12;
const MAX_SEGMENTS = 65536;
const MAX_STASHED = 65536;
/** Addresses are safe integers, and so is the way from one to another. */
const MAX_ADDRESS = 2 ** 52;

/** The number that tells one of either sign: 0, −1, 1, −2 become 0, 1, 2, 3. */
export function foldSign(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

/** The other way. */
export function unfoldSign(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** The numbers of the control section, in order, but those of the covers. */
export function* controlNumbers(
  { spaces, blockBits, order, stash }: ControlFields,
  reordered: boolean,
): Generator<number> {
  yield MACHINES.indexOf(spaces.machine);
  if (spaces.machine !== 'none') {
    yield blockBits;
    yield* segmentNumbers(spaces.old);
    yield* segmentNumbers(spaces.new);
  }
  if (!reordered) return;
  let next = 0;
  for (const chunk of order) {
    yield foldSign(chunk - next);
    next = chunk + 1;
  }
  if (stash.count > 0) yield* stashNumbers(stash);
}

/**
 * Reads what {@link controlNumbers} gives.
 *
 * @throws OtaError PATCH_INVALID: an unknown machine, segments that overlap or leave their image, an order that is none
 */
export async function readControlFields(
  header: OtadHeader,
  source: NumberSource,
  patchName: string,
): Promise<ControlFields> {
  const machineNumber = await source.unsigned(255, 'the machine');
  const machine = MACHINES[machineNumber];
  if (machine === undefined) {
    throw invalidPatch(patchName, `it predicts for machine ${machineNumber}, known are 0 to ${MACHINES.length - 1}`);
  }
  let blockBits = MOST_BLOCK_BITS;
  const spaces: { machine: typeof machine; old: Segment[]; new: Segment[] } = { machine, old: [], new: [] };
  if (machine !== 'none') {
    blockBits = await source.unsigned(Math.min(MOST_BLOCK_BITS, header.chunkBits), 'the size of blocks');
    if (blockBits < LEAST_BLOCK_BITS) {
      throw invalidPatch(
        patchName,
        `it has blocks of 2^${blockBits} bytes, at least 2^${LEAST_BLOCK_BITS} are allowed`,
      );
    }
    spaces.old = await readSegments(source, header.baseSize, 'the old image', patchName);
    spaces.new = await readSegments(source, header.targetSize, 'the new image', patchName);
  }
  return {
    spaces,
    blockBits: Math.min(blockBits, header.chunkBits),
    order: await readOrder(header, source, patchName),
    stash: header.stashBytes > 0 ? await readStash(header, source, patchName) : NO_RANGES,
  };
}

function* segmentNumbers(segments: readonly Segment[]): Generator<number> {
  yield segments.length;
  let end = 0;
  let address = 0;
  let unit = 0;
  for (const segment of segments) {
    yield segment.fileAt - end;
    yield segment.size;
    yield foldSign(segment.address - address);
    yield foldSign(segment.unit - unit);
    end = segment.fileAt + segment.size;
    address = segment.address + segment.size;
    unit = segment.unit;
  }
}

async function readSegments(
  source: NumberSource,
  imageSize: number,
  image: string,
  patchName: string,
): Promise<Segment[]> {
  const count = await source.unsigned(MAX_SEGMENTS, `the number of segments of ${image}`);
  const segments: Segment[] = [];
  let end = 0;
  let address = 0;
  let unit = 0;
  for (let i = 0; i < count; i++) {
    const fileAt = end + (await source.unsigned(imageSize - end, `the start of a segment of ${image}`));
    const size = await source.unsigned(imageSize - fileAt, `the size of a segment of ${image}`);
    address += unfoldSign(await source.unsigned(2 * MAX_ADDRESS, `the address of a segment of ${image}`));
    unit += unfoldSign(await source.unsigned(2 * MAX_SEGMENTS, `the unit of a segment of ${image}`));
    if (Math.abs(address) > MAX_ADDRESS || unit < 0 || unit > MAX_SEGMENTS) {
      throw invalidPatch(
        patchName,
        `a segment of ${image} has address ${address} and unit ${unit}, beyond their limits`,
      );
    }
    segments.push({ fileAt, address, size, unit });
    end = fileAt + size;
    address += size;
  }
  return segments;
}

async function readOrder(header: OtadHeader, source: NumberSource, patchName: string): Promise<Int32Array> {
  const chunks = chunkCount(header);
  const order = Int32Array.from({ length: chunks }, (_, i) => i);
  if (!header.reordered) return order;
  const seen = new Uint8Array(chunks);
  for (let i = 0, next = 0; i < chunks; i++) {
    const chunk = next + unfoldSign(await source.unsigned(2 * chunks, 'the number of a chunk'));
    if (chunk < 0 || chunk >= chunks || seen[chunk] === 1) {
      throw invalidPatch(patchName, `the order of its ${chunks} chunks lists chunk ${chunk}, or lists it twice`);
    }
    seen[chunk] = 1;
    order[i] = chunk;
    next = chunk + 1;
  }
  return order;
}

function* stashNumbers({ count, oldAt, length }: OldRanges): Generator<number> {
  yield count;
  for (let i = 0, end = 0; i < count; i++) {
    yield oldAt[i]! - end;
    yield length[i]! - 1;
    end = oldAt[i]! + length[i]!;
  }
}

async function readStash(header: OtadHeader, source: NumberSource, patchName: string): Promise<OldRanges> {
  const count = await source.unsigned(Math.min(MAX_STASHED, header.stashBytes), 'the number of stashed ranges');
  const pairs: { oldAt: number; length: number }[] = [];
  let end = 0;
  for (let i = 0; i < count; i++) {
    const oldAt = end + (await source.unsigned(header.baseSize - end, 'the start of a stashed range'));
    const length = 1 + (await source.unsigned(header.baseSize - oldAt, 'the length of a stashed range'));
    pairs.push({ oldAt, length });
    end = oldAt + length;
  }
  const stash = rangesOf(pairs);
  if (end > header.baseSize || totalBytes(stash) !== header.stashBytes) {
    throw invalidPatch(
      patchName,
      `its stash has ${totalBytes(stash)} bytes up to ${end} of the old image, which has ${header.baseSize}, expected ${header.stashBytes}`,
    );
  }
  return stash;
}
