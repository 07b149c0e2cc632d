import { createHash } from 'node:crypto';
import { type ImageBytes, imageInMemory, MAX_VIEW_BYTES } from '../image/image-bytes.js';
import { batches } from './batches.js';
import { CodecError, type CodecPool } from './codec-pool.js';
import { MAX_CONTENT_BYTES, MAX_DEPTH, MAX_STREAMS } from './recipe.js';
import type { DecodePart, FoundStream, StreamFinder } from './stream-finder.js';
import { type Unpacking, unpack } from './unpacking.js';

/** A stream that lies in an image, behind and apart from the one before. */
export interface SurveyedStream {
  codec: string;
  /** As its finder said. */
  otherwise?: string;
  at: number;
  packedBytes: number;
  /** SHA-256 of the packed bytes, to know the same stream in the other image. */
  hash: string;
  /** Whether its content was not and need not be searched. */
  isLeaf: boolean;
  /** Streams inside. */
  inner: SurveyedStream[];
}

/** Streams too short to be worth their numbers, bytes. */
const MIN_PACKED_BYTES = 48;
/** Bytes tried first for a stream that does not tell its length, and how much more each time they do not suffice. */
const FIRST_TRY_BYTES = 64 * 1024;
const TRY_FACTOR = 16;
/** Streams that do not tell their length are no longer, bytes. */
const MAX_TRY_BYTES = 64 * 1024 * 1024;
/** Bytes tried for all streams of an image that do not tell their length, times its size. */
const TRIED_TIMES = 16;

/** Finds the streams of images with the help of finders and codecs. */
export class Surveyor {
  readonly #unpacking: Unpacking;
  readonly #finders: readonly StreamFinder[];
  #streamsLeft = MAX_STREAMS;
  #triesLeft: number;

  constructor(unpacking: Unpacking, finders: readonly StreamFinder[], imageBytes: number) {
    this.#unpacking = unpacking;
    this.#triesLeft = TRIED_TIMES * imageBytes + MAX_CONTENT_BYTES;
    this.#finders = finders;
  }

  /**
   * @param known hashes of streams that need not be searched: they will stay packed
   * @param depth 1 for an image, one more for each stream around
   * @returns streams in the order of the image, without overlaps
   */
  async survey(image: ImageBytes, known: ReadonlySet<string>, depth: number): Promise<SurveyedStream[]> {
    const streams: SurveyedStream[] = [];
    let end = 0;
    for (const batch of batches(await this.#found(image))) {
      const apart = batch.filter(({ at }) => at >= end);
      const surveyed = await Promise.all(apart.map((found) => this.#look(image, found, known, depth)));
      for (const stream of surveyed) {
        if (stream === undefined || stream.at < end || this.#streamsLeft === 0) continue;
        this.#streamsLeft--;
        streams.push(stream);
        end = stream.at + stream.packedBytes;
      }
    }
    return streams;
  }

  /** Places in order; where two begin at the same byte, the finder that was asked first. */
  async #found(image: ImageBytes): Promise<FoundStream[]> {
    const decode: DecodePart = async (codec, packed, maxBytes) => {
      const { pool, missing } = this.#unpacking;
      const decoding = unpack(pool, codec, packed, maxBytes);
      const decoded = await decoding.catch((error: unknown) => missing.note(error));
      return decoded === undefined || decoded instanceof CodecError ? undefined : decoded.unpacked;
    };
    const byPlace = new Map<number, FoundStream>();
    for (const finder of this.#finders) {
      for await (const stream of finder.find(image, decode)) {
        if (byPlace.size >= 4 * MAX_STREAMS) return [];
        if (!byPlace.has(stream.at)) byPlace.set(stream.at, stream);
      }
    }
    const inOrder = [...byPlace.values()].sort((one, other) => one.at - other.at);
    const exactEnds = new ExactSpans(inOrder);
    return inOrder.filter((stream) => stream.isExact || !exactEnds.covers(stream.at));
  }

  async #look(
    image: ImageBytes,
    found: FoundStream,
    known: ReadonlySet<string>,
    depth: number,
  ): Promise<SurveyedStream | undefined> {
    const { codec, at, isExact } = found;
    const isLeaf = found.isLeaf === true || depth === MAX_DEPTH;
    if (isExact && isLeaf) return this.#stream(found, copyBytes(image, at, found.packedBytes));
    const trying = isExact ? this.#tryExact(image, found, known) : this.#tryLengths(image, found);
    const tried = await trying.catch((error: unknown) => this.#unpacking.missing.note(error));
    if (tried === undefined) return undefined;
    const { packed, unpacked } = tried;
    const stream = this.#stream({ ...found, codec, at, isLeaf }, packed);
    if (stream === undefined || unpacked === undefined || known.has(stream.hash)) return stream;
    this.#unpacking.contents.keep(codec, stream.hash, unpacked);
    if (isLeaf) return stream;
    stream.inner = await this.survey(imageInMemory(unpacked), known, depth + 1);
    return stream;
  }

  #stream({ codec, otherwise, at, isLeaf = false }: FoundStream, packed: Uint8Array): SurveyedStream | undefined {
    if (packed.length < MIN_PACKED_BYTES) return undefined;
    const hash = createHash('sha256').update(packed).digest('hex');
    return { codec, ...(otherwise && { otherwise }), at, packedBytes: packed.length, hash, isLeaf, inner: [] };
  }

  async #tryExact(image: ImageBytes, found: FoundStream, known: ReadonlySet<string>): Promise<Tried | undefined> {
    const packed = copyBytes(image, found.at, found.packedBytes);
    if (known.has(createHash('sha256').update(packed).digest('hex'))) return { packed };
    const decoded = await unpack(this.#unpacking.pool, found.codec, packed);
    return decoded instanceof CodecError || decoded.packedBytes !== packed.length ? undefined : { packed, ...decoded };
  }

  /** Many places look like a beginning and are none: most fail within the first bytes. */
  async #tryLengths(image: ImageBytes, { codec, at, packedBytes }: FoundStream): Promise<Tried | undefined> {
    const mostBytes = Math.min(packedBytes, image.size - at, MAX_TRY_BYTES);
    for (let length = Math.min(mostBytes, FIRST_TRY_BYTES); this.#triesLeft >= length; length *= TRY_FACTOR) {
      length = Math.min(length, mostBytes);
      this.#triesLeft -= length;
      const decoded = await unpackCopy(this.#unpacking.pool, codec, copyBytes(image, at, length));
      if (!(decoded instanceof CodecError)) return { packed: copyBytes(image, at, decoded.packedBytes), ...decoded };
      if (!decoded.endsEarly || length === mostBytes) return undefined;
    }
    return undefined;
  }
}

interface Tried {
  packed: Uint8Array;
  /** Absent where the stream is known and was not unpacked. */
  unpacked?: Uint8Array;
}

/** The same for packed bytes that are gone afterwards. */
function unpackCopy(pool: CodecPool, codec: string, packed: Uint8Array): ReturnType<typeof unpack> {
  return unpack(pool, codec, packed, undefined, [packed]);
}

/** Copies bytes of an image; views are limited and last only until the next. */
export function copyBytes(image: ImageBytes, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; done += MAX_VIEW_BYTES) {
    bytes.set(image.view(at + done, Math.min(MAX_VIEW_BYTES, length - done)), done);
  }
  return bytes;
}

/** What streams of known length cover, asked in order. */
class ExactSpans {
  readonly #exact: FoundStream[];
  #next = 0;
  #end = 0;

  constructor(inOrder: readonly FoundStream[]) {
    this.#exact = inOrder.filter(({ isExact }) => isExact);
  }

  covers(at: number): boolean {
    for (let span = this.#exact[this.#next]; span !== undefined && span.at <= at; span = this.#exact[++this.#next]) {
      this.#end = Math.max(this.#end, span.at + span.packedBytes);
    }
    return at < this.#end;
  }
}
