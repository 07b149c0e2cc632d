import type { Covers } from '../match/covers.js';
import { invalidPatch } from '../patch-error.js';
import { type AddressSpaces, MACHINES, type Segment } from '../predict/address-space.js';
import { chunkCount, type OtadHeader } from './header.js';
import type { VarintReader, VarintWriter } from './varint.js';

/** What the control section of a patch says: everything that must be known before the first byte is made. */
export interface Control {
  spaces: AddressSpaces;
  covers: Covers;
  /** Numbers of the chunks in the order in which they are made. */
  order: Int32Array;
}

const MAX_SEGMENTS = 65536;
/** Addresses are safe integers, and so is the way from one to another. */
const MAX_ADDRESS = 2 ** 52;

export function writeControl(control: Control, reordered: boolean, out: VarintWriter): void {
  const { spaces, covers, order } = control;
  out.byte(MACHINES.indexOf(spaces.machine));
  if (spaces.machine !== 'none') {
    writeSegments(spaces.old, out);
    writeSegments(spaces.new, out);
  }
  for (let i = 0, end = 0; i < covers.count; i++) {
    out.unsigned(covers.newAt[i]! - end);
    end = covers.newAt[i]! + covers.length[i]!;
  }
  for (let i = 0; i < covers.count; i++) out.unsigned(covers.length[i]! - 1);
  for (let i = 0, end = 0; i < covers.count; i++) {
    out.signed(covers.oldAt[i]! - end);
    end = covers.oldAt[i]! + covers.length[i]!;
  }
  if (!reordered) return;
  let next = 0;
  for (const chunk of order) {
    out.signed(chunk - next);
    next = chunk + 1;
  }
}

/**
 * Reads the control section.
 *
 * @param numbers its varints
 * @throws OtaError PATCH_INVALID: an unknown machine, segments or covers that overlap or leave their image,
 *   an order that is none
 */
export function readControl(header: OtadHeader, numbers: VarintReader, patchName: string): Control {
  const machineNumber = numbers.unsigned(255, 'the machine');
  const machine = MACHINES[machineNumber];
  if (machine === undefined) {
    throw invalidPatch(patchName, `it predicts for machine ${machineNumber}, known are 0 to ${MACHINES.length - 1}`);
  }
  const spaces = {
    machine,
    old: machine === 'none' ? [] : readSegments(numbers, header.baseSize, 'the old image', patchName),
    new: machine === 'none' ? [] : readSegments(numbers, header.targetSize, 'the new image', patchName),
  };
  const covers = readCovers(header, numbers, patchName);
  return { spaces, covers, order: readOrder(header, numbers, patchName) };
}

function writeSegments(segments: readonly Segment[], out: VarintWriter): void {
  out.unsigned(segments.length);
  let end = 0;
  let address = 0;
  let unit = 0;
  for (const segment of segments) {
    out.unsigned(segment.fileAt - end);
    out.unsigned(segment.size);
    out.signed(segment.address - address);
    out.signed(segment.unit - unit);
    end = segment.fileAt + segment.size;
    address = segment.address + segment.size;
    unit = segment.unit;
  }
}

function readSegments(numbers: VarintReader, imageSize: number, image: string, patchName: string): Segment[] {
  const count = numbers.unsigned(MAX_SEGMENTS, `the number of segments of ${image}`);
  const segments: Segment[] = [];
  let end = 0;
  let address = 0;
  let unit = 0;
  for (let i = 0; i < count; i++) {
    const fileAt = end + numbers.unsigned(imageSize - end, `the start of a segment of ${image}`);
    const size = numbers.unsigned(imageSize - fileAt, `the size of a segment of ${image}`);
    address += numbers.signed(MAX_ADDRESS, `the address of a segment of ${image}`);
    unit += numbers.signed(MAX_SEGMENTS, `the unit of a segment of ${image}`);
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

function readCovers(
  { coverCount: count, baseSize, targetSize }: OtadHeader,
  numbers: VarintReader,
  patchName: string,
): Covers {
  const newAt = new Int32Array(count);
  const oldAt = new Int32Array(count);
  const length = new Int32Array(count);
  for (let i = 0; i < count; i++) newAt[i] = numbers.unsigned(targetSize, 'the gap before a cover');
  for (let i = 0; i < count; i++) length[i] = numbers.unsigned(targetSize, 'the length of a cover') + 1;
  let newEnd = 0;
  let oldEnd = 0;
  for (let i = 0; i < count; i++) {
    const newStart = newEnd + newAt[i]!;
    newEnd = newStart + length[i]!;
    if (newEnd > targetSize) {
      throw invalidPatch(
        patchName,
        `a cover makes bytes ${newStart} to ${newEnd} of the new image, which has ${targetSize}`,
      );
    }
    newAt[i] = newStart;
    const oldStart = oldEnd + numbers.signed(baseSize, 'the position of a cover');
    oldEnd = oldStart + length[i]!;
    if (oldStart < 0 || oldEnd > baseSize) {
      throw invalidPatch(
        patchName,
        `a cover reads bytes ${oldStart} to ${oldEnd} of the old image, which has ${baseSize}`,
      );
    }
    oldAt[i] = oldStart;
  }
  return { count, newAt, oldAt, length };
}

function readOrder(header: OtadHeader, numbers: VarintReader, patchName: string): Int32Array {
  const chunks = chunkCount(header);
  const order = Int32Array.from({ length: chunks }, (_, i) => i);
  if (!header.reordered) return order;
  const seen = new Uint8Array(chunks);
  for (let i = 0, next = 0; i < chunks; i++) {
    const chunk = next + numbers.signed(chunks, 'the number of a chunk');
    if (chunk < 0 || chunk >= chunks || seen[chunk] === 1) {
      throw invalidPatch(patchName, `the order of its ${chunks} chunks lists chunk ${chunk}, or lists it twice`);
    }
    seen[chunk] = 1;
    order[i] = chunk;
    next = chunk + 1;
  }
  return order;
}
