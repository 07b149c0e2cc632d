import { MAX_IMAGE_BYTES } from '../formats.js';
import { ByteReader } from './byte-reader.js';
import { MAX_SETTINGS_BYTES } from './codec.js';
import {
  type BaseStream,
  CHECK_BYTES,
  type Correction,
  MAX_CODECS,
  MAX_CONTENT_BYTES,
  MAX_DEPTH,
  MAX_RATIO,
  MAX_STREAMS,
  type Recipe,
  streamGroups,
  type TargetStream,
} from './recipe.js';
import { RECIPE_VERSION } from './recipe-writer.js';

export interface RecipeSizes {
  /** Size of the old image, bytes. */
  baseSize: number;
  /** Size of the unpacked old image, bytes. */
  unpackedBaseSize: number;
  /** Size of the unpacked new image, bytes. */
  unpackedTargetSize: number;
}

/** Longest name and version of a codec. */
const MAX_NAME_BYTES = 64;
/** Small streams may be emptier than the ratio allows: a page of zeros, an empty archive. */
const RATIO_FREE_BYTES = 64 * 1024;

/**
 * Reads the recipe of a patch, as `writeRecipe` writes it.
 *
 * Nothing it says is believed: every stream lies inside its image and behind the one before, nothing is deeper,
 * longer or more than the limits, and both unpacked images have the sizes that the patch is made for.
 *
 * @throws OtaError PATCH_INVALID
 */
export function readRecipe(bytes: Uint8Array, sizes: RecipeSizes, patchName: string): Recipe {
  const reader = new ByteReader(bytes, patchName);
  const version = reader.number('the recipe’s version', 127);
  if (version !== RECIPE_VERSION) throw reader.invalid(`the recipe has version ${version}, ${RECIPE_VERSION} is known`);
  const codecs = Array.from({ length: reader.number('the number of codecs', MAX_CODECS) }, () => ({
    name: readText(reader, 'the name of a codec'),
    version: readText(reader, 'the version of a codec'),
  }));
  const trees = new TreeReader(reader, codecs.length);
  const base = trees.base(sizes.baseSize, 1);
  const unpackedBytes = unpackedSize(base, sizes.baseSize);
  if (unpackedBytes !== sizes.unpackedBaseSize) {
    throw reader.invalid(`the old image unpacks to ${unpackedBytes} bytes, expected ${sizes.unpackedBaseSize}`);
  }
  const target = trees.target(sizes.unpackedTargetSize, 1);
  const checks = streamGroups(target).map(() => reader.bytes(CHECK_BYTES, 'the checks'));
  reader.requireEnd();
  return { codecs, base, target, checks };
}

function readText(reader: ByteReader, what: string): string {
  const bytes = reader.bytes(reader.number(`the length of ${what}`, MAX_NAME_BYTES), what);
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) throw reader.invalid(`${what} is not printable ASCII`);
  return Buffer.from(bytes).toString('latin1');
}

/** @returns what an image, or the content of a stream, becomes when its streams are unpacked, bytes */
export function unpackedSize(streams: readonly BaseStream[], imageBytes: number): number {
  return streams.reduce(
    (sum, { packedBytes, contentBytes, inner }) => sum - packedBytes + unpackedSize(inner, contentBytes),
    imageBytes,
  );
}

class TreeReader {
  readonly #reader: ByteReader;
  readonly #codecs: number;
  #streamsLeft = 2 * MAX_STREAMS;
  #unpackedLeft = 2 * MAX_IMAGE_BYTES;

  constructor(reader: ByteReader, codecs: number) {
    this.#reader = reader;
    this.#codecs = codecs;
  }

  base(imageBytes: number, depth: number): BaseStream[] {
    const reader = this.#reader;
    const streams: BaseStream[] = [];
    let at = 0;
    for (let left = this.#count(imageBytes); left > 0; ) {
      const length = this.#runLength(left);
      left -= length;
      const kind = reader.number('the kind of a stream', this.#codecs * 2 - 1);
      const gaps = reader.numbers(length, 'a gap', imageBytes);
      const packed = reader.numbers(length, 'the size of a stream', imageBytes);
      const contents = reader.numbers(length, 'the size of a content', MAX_CONTENT_BYTES);
      for (let i = 0; i < length; i++) {
        const [gapBytes, packedBytes, contentBytes] = [gaps[i]!, packed[i]!, contents[i]!];
        at += gapBytes + packedBytes;
        if (at > imageBytes) throw reader.invalid(`a stream ends at ${at}, what holds it has ${imageBytes} bytes`);
        this.#countUnpacked(contentBytes);
        if (contentBytes > RATIO_FREE_BYTES + packedBytes * MAX_RATIO) {
          throw reader.invalid(`a stream of ${packedBytes} bytes should unpack to ${contentBytes}`);
        }
        const inner = (kind & 1) === 1 ? this.base(contentBytes, this.#deeper(depth)) : [];
        streams.push({ codec: kind >> 1, gapBytes, packedBytes, contentBytes, inner });
      }
    }
    return streams;
  }

  target(unpackedSize: number, depth: number): TargetStream[] {
    const reader = this.#reader;
    const streams: TargetStream[] = [];
    let at = 0;
    for (let left = this.#count(unpackedSize); left > 0; ) {
      const length = this.#runLength(left);
      left -= length;
      const kind = reader.number('the kind of a stream', this.#codecs * 4 - 1);
      const settingsBytes = reader.number('the length of settings', MAX_SETTINGS_BYTES);
      const settings = reader.bytes(settingsBytes, 'the settings');
      const run: TargetStream[] = [];
      const gaps = reader.numbers(length, 'a gap', unpackedSize);
      for (const gapBytes of gaps) {
        const unpackedBytes = reader.number('the size of a content', Math.min(unpackedSize, MAX_CONTENT_BYTES));
        at += gapBytes + unpackedBytes;
        if (at > unpackedSize) throw reader.invalid(`a stream ends at ${at}, what holds it has ${unpackedSize} bytes`);
        const contentBytes = unpackedBytes;
        run.push({ codec: kind >> 2, settings, gapBytes, unpackedBytes, contentBytes, corrections: [], inner: [] });
      }
      if ((kind & 2) !== 0) {
        for (const stream of run) {
          stream.contentBytes = reader.number('the size of a content', MAX_CONTENT_BYTES);
          stream.inner = this.target(stream.unpackedBytes, this.#deeper(depth));
        }
      }
      if ((kind & 1) !== 0) for (const stream of run) stream.corrections = this.#corrections();
      streams.push(...run);
    }
    return streams;
  }

  #corrections(): Correction[] {
    const reader = this.#reader;
    const count = reader.number('the number of corrections', MAX_STREAMS);
    return Array.from({ length: this.#spend(count) }, () => {
      const gapBytes = reader.number('the gap before a correction', MAX_CONTENT_BYTES);
      const droppedBytes = reader.number('the length of a correction', MAX_CONTENT_BYTES);
      const length = reader.number('the length of a correction', MAX_CONTENT_BYTES);
      return { gapBytes, droppedBytes, bytes: reader.bytes(length, 'a correction') };
    });
  }

  #count(imageBytes: number): number {
    if (this.#codecs === 0) return this.#reader.number('the number of streams', 0);
    return this.#spend(this.#reader.number('the number of streams', Math.min(imageBytes, MAX_STREAMS)));
  }

  /** Streams and corrections of the whole recipe are counted together, however deep they lie. */
  #spend(count: number): number {
    this.#streamsLeft -= count;
    if (this.#streamsLeft < 0) throw this.#reader.invalid(`the recipe has more than ${2 * MAX_STREAMS} streams`);
    return count;
  }

  #countUnpacked(contentBytes: number): void {
    this.#unpackedLeft -= contentBytes;
    if (this.#unpackedLeft < 0) throw this.#reader.invalid('the old image unpacks to more than 4 GiB');
  }

  #runLength(left: number): number {
    const length = this.#reader.number('the length of a run', left);
    if (length === 0) throw this.#reader.invalid('a run has no streams');
    return length;
  }

  #deeper(depth: number): number {
    if (depth === MAX_DEPTH) throw this.#reader.invalid(`streams lie more than ${MAX_DEPTH} deep in each other`);
    return depth + 1;
  }
}
