import { createHash } from 'node:crypto';
import { imageInMemory } from '../../src/lib/delta/image/image-bytes.js';
import { NO_RANGES } from '../../src/lib/delta/inplace/old-ranges.js';
import type { Covers } from '../../src/lib/delta/match/covers.js';
import { ByteBodyWriter } from '../../src/lib/delta/otad/byte-body-writer.js';
import { byteSink } from '../../src/lib/delta/otad/byte-sinks.js';
import { ChunkWriter } from '../../src/lib/delta/otad/chunk-writer.js';
import { chunkCount, writeHeader } from '../../src/lib/delta/otad/header.js';
import { MixBodyWriter } from '../../src/lib/delta/otad/mix/mix-body-writer.js';
import { codings } from '../../src/lib/delta/plan/coding-plan.js';
import type { Machine, Segment } from '../../src/lib/delta/predict/address-space.js';
import { countBlocks } from '../../src/lib/delta/predict/blocks.js';
import { modesOf } from '../../src/lib/delta/predict/modes.js';

/** A pair of images that look like code of a machine to a predictor, and a patch in which every mode is used. */
export interface ForcedModes {
  old: Buffer;
  target: Buffer;
  patch: Buffer;
}

const CHUNK_BITS = 14;
const BLOCK_BITS = 8;
const TABLE_BITS = 16;
/** Bytes that begin instructions with references, in one machine or another. */
const OPCODES = [0xe8, 0x0f, 0x84, 0x05, 0x8b, 0x48, 0x90, 0x94, 0x97, 0xeb, 0xf0, 0xf7, 0x6f, 0x63, 0x17, 0x37, 0x36];

/** The same numbers on every machine. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Words of all kinds: random, small, pointers into the image, instructions. */
function words(bytes: Buffer, random: (below: number) => number): void {
  for (let at = 0; at + 8 <= bytes.length; at += 4) {
    const kind = random(8);
    if (kind === 0) bytes.writeUInt32LE(random(2 ** 32), at);
    else if (kind === 1) bytes.writeUInt32LE(random(4096), at);
    else if (kind === 2) bytes.writeUInt32LE(0x40_0000 + random(bytes.length), at);
    else if (kind === 3) bytes.writeUInt32LE([0, 0xffff_ffff, 12, 0x1f_ffff][random(4)]!, at);
    else if (kind === 4) bytes.writeInt32LE(random(bytes.length) - at, at);
    else for (let i = 0; i < 4; i++) bytes[at + i] = random(3) === 0 ? random(256) : OPCODES[random(OPCODES.length)]!;
  }
}

/** Records of three words, the first of a structure with a member: type information as kernels have it. */
const typeRecord = (i: number) => (i % 3 === 0 ? [i + 1, 0x0400_0001, 8, i + 9, i + 2, 0] : [0, 0x0200_0000, i + 5]);
/** An entry of unwind information, as long as those before and after it. */
const unwindEntry = (i: number) => [20, 24 * i + 28, -4096 + 8 * i, 64, 0, 0];
const relocation = (i: number) => [0x1000 + 8 * i, 0, 257, 40 + (i >> 2), 16 * i, 0];

/** Addresses in two or three instructions: AUIPC, LW, SW; ADRP, ADD, LDR; MOVW and MOVT of ARM, then of Thumb. */
const addressPair = (i: number) => [
  ...[0x517 + 4096 * (i & 3), 0x0045_2583 + (i << 24), 0x00b5_2223],
  ...[0x9000_0000 | (i & 3), 0x9100_0401 | ((i & 3) << 5), 0xf940_0402 | ((i & 3) << 5)],
  ...[0xe300_0000 + 16 * i, 0xe340_0040, 0x0010_f240 + (i << 16), 0x0040_f2c0],
];

/** Puts tables among the words. */
function tables(bytes: Buffer, random: (below: number) => number): void {
  for (let at = 8; at + 2000 < bytes.length; at += 1000 + 8 * random(100)) {
    const record = [typeRecord, unwindEntry, relocation, addressPair][random(4)]!;
    const numbers = Array.from({ length: 25 }, (_, i) => record(i)).flat();
    for (const [i, number] of numbers.entries()) bytes.writeInt32LE(number | 0, at + 4 * i);
  }
}

/** Segments that overlap in their addresses, in units that lie mixed. */
function segments(size: number, moved: number): Segment[] {
  const part = Math.floor(size / 64) * 8;
  return Array.from({ length: 7 }, (_, i) => ({
    fileAt: i * part + (i % 3) * 8,
    size: part - 24,
    address: [0x40_0000, 0x40_1000, -0x8000][i % 3]! + Math.floor(i / 3) * part + (i % 2) * moved,
    unit: i % 2,
  }));
}

/** Covers in the order of the new image that take their bytes from anywhere, so that they compete for old ones. */
function randomCovers(old: Buffer, target: Buffer, random: (below: number) => number): Covers {
  const found: [newAt: number, oldAt: number, length: number][] = [];
  for (let at = random(9); at < target.length - 4000; ) {
    const length = 1 + random(random(3) === 0 ? 40 : 3000);
    const near = Math.min(Math.max(0, at + (random(5) - 2) * 4), old.length - length);
    found.push([at, random(4) === 0 ? random(old.length - length) : near, length]);
    at += length + random(3) * random(50);
  }
  const column = (i: 0 | 1 | 2) => Int32Array.from(found, (cover) => cover[i]);
  return { count: found.length, newAt: column(0), oldAt: column(1), length: column(2) };
}

export async function forcedModes(
  machine: Machine,
  coder: 'none' | 'lzma' | 'mix',
  seed: number,
): Promise<ForcedModes> {
  const random = randomNumbers(seed);
  const old = Buffer.alloc(60_000 + random(100));
  words(old, random);
  tables(old, random);
  const target = Buffer.alloc(61_000 + random(100));
  const covers = randomCovers(old, target, random);
  words(target, random);
  for (let i = 0; i < covers.count; i++) {
    old.copy(target, covers.newAt[i]!, covers.oldAt[i]!, covers.oldAt[i]! + covers.length[i]!);
  }
  // some words become others that look alike: what is learned must count
  for (let at = 0; at + 4 <= target.length; at += 4 * (1 + random(12))) {
    target.writeInt32LE((target.readInt32LE(at) + (random(3) - 1) * 64) | 0, at);
  }

  const isPredicted = machine !== 'none';
  const spaces = {
    machine,
    old: isPredicted ? segments(old.length, 0) : [],
    new: isPredicted ? segments(target.length, 256) : [],
  };
  const blockBits = isPredicted ? BLOCK_BITS : 12;
  const modeCount = modesOf(machine).length;
  const modes = Uint8Array.from({ length: countBlocks(covers, blockBits) }, () =>
    random(2) === 0 ? 1 : random(modeCount),
  );
  const sizes = { baseSize: old.length, targetSize: target.length, chunkBits: CHUNK_BITS };
  const order = Int32Array.from({ length: chunkCount(sizes) }, (_, i) => i);
  const control = { spaces, covers, blockBits, order, stash: NO_RANGES };
  const coding = codings(coder, 'fast', target.length)[0]!.how;
  const body =
    coding.coder === 'mix' ? new MixBodyWriter(TABLE_BITS) : new ByteBodyWriter(await byteSink(coding, target.length));
  await body.control(control, false);
  const images = { old: imageInMemory(old), target: imageInMemory(target) };
  const writer = new ChunkWriter(control, modes, images, body, false);
  const chunkHashes: Uint8Array[] = [];
  for (const number of order) {
    const [at, end] = [number * 2 ** CHUNK_BITS, Math.min((number + 1) * 2 ** CHUNK_BITS, target.length)];
    await writer.write(at, end);
    chunkHashes.push(createHash('sha256').update(target.subarray(at, end)).digest().subarray(0, 8));
  }
  const { pieces, bodyBytes } = await body.finish();
  const header = writeHeader({
    ...sizes,
    ...{ coder, bodyBytes, chunkHashes, coverCount: covers.count, counterBits: coder === 'mix' ? TABLE_BITS : 0 },
    ...{ reordered: false, repacked: false, stashBytes: 0, stashHash: new Uint8Array(0) },
  });
  return { old, target, patch: Buffer.concat([header, ...pieces]) };
}
