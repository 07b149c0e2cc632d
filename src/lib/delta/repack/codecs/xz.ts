import type { LzmaFilter } from 'lzma-native';
import { type Codec, TRIAL_BYTES } from '../codec.js';
import { LZMA_VERSION, runLzma } from './lzma-library.js';
import { likelyPresets, lzmaPreset } from './lzma-presets.js';
import { readXzStream, writeXzStream, type XzBlock, type XzFrame } from './xz-container.js';

const BRANCH_FILTERS: Record<number, string> = {
  4: 'LZMA_FILTER_X86',
  5: 'LZMA_FILTER_POWERPC',
  6: 'LZMA_FILTER_IA64',
  7: 'LZMA_FILTER_ARM',
  8: 'LZMA_FILTER_ARMTHUMB',
  9: 'LZMA_FILTER_SPARC',
};
const DELTA = 3;
/** Recent kernels use 128 MiB, which takes an encoder up to 1.4 GB, as the metadata of a patch says. */
const MAX_ENCODER_DICTIONARY_BYTES = 128 * 1024 * 1024;
/** Hashes of two and three bytes; those of four are halved above a size. */
const SHORT_HASHES = 2 ** 10 + 2 ** 16;
const MANY_HASHES = 2 ** 24;
const POSITION_BYTES = 4;

/** xz streams (.xz): LZMA2, alone or after branch filters, as `xz`, kernels and squashfs write them. */
export const xz: Codec = {
  name: 'xz',
  version: LZMA_VERSION,

  async decode(packed, maxBytes) {
    const { frame, blocks, packedBytes } = readXzStream(packed);
    const unpackedBytes = blocks.reduce((sum, block) => sum + block.unpackedBytes, 0);
    if (unpackedBytes > maxBytes) throw new Error(`the stream unpacks to ${unpackedBytes} bytes`);
    const contents: Buffer[] = [];
    for (const block of blocks) {
      // a dictionary larger than the content has no use, but a header may ask for 4 GiB
      const dictSize = Math.max(4096, Math.min(dictionaryBytes(frame.dictionaryByte), block.unpackedBytes));
      const data = packed.subarray(block.at, block.at + block.packedBytes);
      contents.push(await runLzma('rawDecoder', filters(frame, { dictSize }), data, block.unpackedBytes));
    }
    return { unpacked: contents.length === 1 ? contents[0]! : Buffer.concat(contents), packedBytes };
  },

  *candidates(packed) {
    const { frame, blocks } = readXzStream(packed);
    const dictSize = dictionaryBytes(frame.dictionaryByte);
    if (dictSize > MAX_ENCODER_DICTIONARY_BYTES || !hasEqualBlocks(blocks)) return;
    const propertiesByte = firstPropertiesByte(packed, blocks[0]!);
    for (const preset of likelyPresets(dictSize)) {
      yield writeSettings({ frame, preset, propertiesByte, blockBytes: blocks[1] ? blocks[0]!.unpackedBytes : 0 });
    }
  },

  async trial(settings, packed, unpacked) {
    const block = readXzStream(packed).blocks[0]!;
    const content = unpacked.subarray(0, Math.min(block.unpackedBytes, TRIAL_BYTES + TRIAL_BYTES / 2));
    const made = await encodeBlock(readSettings(settings), content);
    const wanted = packed.subarray(block.at, block.at + block.packedBytes);
    const chunk = Math.min(firstChunkBytes(made), firstChunkBytes(wanted));
    return Buffer.compare(made.subarray(0, chunk), wanted.subarray(0, chunk)) === 0;
  },

  async encode(bytes, unpacked) {
    const settings = readSettings(bytes);
    const blockBytes = settings.blockBytes === 0 ? unpacked.length : settings.blockBytes;
    const blocks: { packed: Uint8Array; content: Uint8Array }[] = [];
    for (let at = 0; at === 0 || at < unpacked.length; at += blockBytes) {
      const content = unpacked.subarray(at, at + blockBytes);
      blocks.push({ packed: await encodeBlock(settings, content), content });
      if (blockBytes === 0) break;
    }
    return writeXzStream(settings.frame, blocks);
  },

  decoderBytes: (unpackedBytes) => unpackedBytes,
  /** @see liblzma, lz_encoder.c: a window, hashes of half as many kinds as the dictionary has bytes, a tree of those it holds */
  encoderBytes: (settings, unpackedBytes) => {
    const dictionary = dictionaryBytes(readSettings(settings).frame.dictionaryByte);
    const held = Math.min(dictionary, unpackedBytes);
    const half = Math.max(2 ** 16, 2 ** (Math.ceil(Math.log2(dictionary)) - 1));
    const hashes = (half > MANY_HASHES ? half / 2 : half) + SHORT_HASHES;
    return Math.ceil(1.5 * held) + POSITION_BYTES * (hashes + 2 * held) + 4 * 1024 * 1024;
  },
};

interface XzSettings {
  frame: XzFrame;
  preset: number;
  /** lc, lp and pb as LZMA writes them. */
  propertiesByte: number;
  /** Content of all blocks but the last one, 0 for a single block. */
  blockBytes: number;
}

function writeSettings({ frame, preset, propertiesByte, blockBytes }: XzSettings): Uint8Array {
  const flags = (frame.statesPackedBytes ? 1 : 0) | (frame.statesUnpackedBytes ? 2 : 0);
  const head = Buffer.alloc(10);
  head.set([frame.check, frame.headerBytes / 4 - 1, flags, frame.dictionaryByte, preset, propertiesByte]);
  head.writeUInt32LE(blockBytes, 6);
  return Buffer.concat([head, ...frame.filters.map(({ id, properties }) => Uint8Array.of(id, properties[0] ?? 0))]);
}

function readSettings(bytes: Uint8Array): XzSettings {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 10 || view.length > 16 || view.length % 2 !== 0) throw new Error('no settings for xz');
  const [check, header, flags, dictionaryByte, preset, propertiesByte] = view as unknown as number[];
  const filterBytes = view.subarray(10);
  const frame: XzFrame = {
    check: check!,
    headerBytes: (header! + 1) * 4,
    statesPackedBytes: (flags! & 1) !== 0,
    statesUnpackedBytes: (flags! & 2) !== 0,
    filters: Array.from({ length: filterBytes.length / 2 }, (_, i) => ({
      id: filterBytes[2 * i]!,
      properties: filterBytes.slice(2 * i + 1, filterBytes[2 * i] === DELTA ? 2 * i + 2 : 2 * i + 1),
    })),
    dictionaryByte: dictionaryByte!,
  };
  if (dictionaryBytes(frame.dictionaryByte) > MAX_ENCODER_DICTIONARY_BYTES) throw new Error('no settings for xz');
  return { frame, preset: preset!, propertiesByte: propertiesByte!, blockBytes: view.readUInt32LE(6) };
}

function encodeBlock({ frame, preset, propertiesByte }: XzSettings, content: Uint8Array): Promise<Buffer> {
  const options = { ...lzmaPreset(preset), dictSize: dictionaryBytes(frame.dictionaryByte) };
  const [lc, lp, pb] = [propertiesByte % 9, Math.floor(propertiesByte / 9) % 5, Math.floor(propertiesByte / 45)];
  const maxBytes = content.length + Math.ceil(content.length / 64) + 1024;
  return runLzma('rawEncoder', filters(frame, { ...options, lc, lp, pb }), content, maxBytes);
}

function filters(frame: XzFrame, options: Record<string, number>): LzmaFilter[] {
  const before = frame.filters.map(({ id, properties }): LzmaFilter => {
    if (id === DELTA && properties.length === 1) {
      return { id: 'LZMA_FILTER_DELTA', options: { dist: properties[0]! + 1 } };
    }
    const name = BRANCH_FILTERS[id];
    if (name === undefined || properties.length > 0) throw new Error(`xz filter ${id} is not known`);
    return { id: name };
  });
  return [...before, { id: 'LZMA_FILTER_LZMA2', options }];
}

/** @see xz file format 1.0.4, section 5.3.1 */
function dictionaryBytes(byte: number): number {
  return byte >= 40 ? 2 ** 32 - 1 : (2 | (byte & 1)) * 2 ** (Math.floor(byte / 2) + 11);
}

function hasEqualBlocks(blocks: readonly XzBlock[]): boolean {
  const size = blocks[0]!.unpackedBytes;
  return blocks.every(
    ({ unpackedBytes }, i) => unpackedBytes === size || (i === blocks.length - 1 && unpackedBytes < size),
  );
}

/** lc, lp, pb stand in the first chunk that is compressed, which is the first one but for incompressible data. */
function firstPropertiesByte(packed: Uint8Array, { at }: XzBlock): number {
  const control = packed[at]!;
  return control >= 0xc0 ? packed[at + 5]! : 93; // lc 3, lp 0, pb 2: the default
}

function firstChunkBytes(lzma2: Uint8Array): number {
  if (lzma2.length < 6) return lzma2.length;
  return lzma2[0]! >= 0x80 ? ((lzma2[3]! << 8) | lzma2[4]!) + 7 : ((lzma2[1]! << 8) | lzma2[2]!) + 4;
}
