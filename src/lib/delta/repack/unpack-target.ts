import { type ImageBytes, imageInMemory } from '../image/image-bytes.js';
import { batches } from './batches.js';
import { CodecError, type CodecPool } from './codec-pool.js';
import { copyStretch, type ImageSink, sinkToMemory } from './image-sink.js';
import { LikelySettings } from './likely-settings.js';
import type { StreamProof } from './prove-stream.js';
import type { TargetStream } from './recipe.js';
import { copyBytes, type SurveyedStream, unpack } from './survey.js';

/** A stream, not yet proven, with what it unpacks to. */
interface Opened {
  codec: string;
  packed: Uint8Array;
  content: Uint8Array;
}

/** What became of the streams of a new image. */
export interface TargetCounts {
  /** Packed again exactly. */
  reproduced: number;
  /** Packed again but for a few bytes, which the recipe carries. */
  corrected: number;
  /** Stay packed, because the old image has the same stream. */
  shared: number;
  /** Stay packed, because no settings make them. */
  left: number;
}

/** Unpacks a new image: each stream only after it was packed again and was the same. */
export class TargetUnpacker {
  readonly counts: TargetCounts = { reproduced: 0, corrected: 0, shared: 0, left: 0 };
  /** Hashes of the streams that the old image has too. */
  readonly shared = new Set<string>();
  /** Where the streams lie that were unpacked. */
  readonly places = new Map<TargetStream, SurveyedStream>();
  readonly #pool: CodecPool;
  readonly #likely = new LikelySettings();
  readonly #known: ReadonlySet<string>;
  readonly #codecNumber: (name: string) => number;
  readonly #onDone: (packedBytes: number) => void;

  /**
   * @param known       hashes of the old image's streams
   * @param codecNumber gives each codec that is used its place in the recipe
   * @param onDone      called with the packed bytes of each stream that is decided
   */
  constructor(
    pool: CodecPool,
    known: ReadonlySet<string>,
    codecNumber: (name: string) => number,
    onDone: (packedBytes: number) => void,
  ) {
    this.#pool = pool;
    this.#known = known;
    this.#codecNumber = codecNumber;
    this.#onDone = onDone;
  }

  /**
   * @param allowance most that the unpacked image may have, bytes; streams that do not fit stay packed
   * @returns the streams that were unpacked; the unpacked image went into the sink
   */
  async unpack(
    image: ImageBytes,
    streams: readonly SurveyedStream[],
    sink: ImageSink,
    allowance: number,
  ): Promise<TargetStream[]> {
    const unpackedStreams: TargetStream[] = [];
    let at = 0;
    let lastEnd = 0;
    for (const batch of batches(streams)) {
      const opened = await Promise.all(batch.map((stream) => this.#open(image, stream)));
      const proofs = await Promise.all(opened.map((one) => one && this.#prove(one)));
      // one after the other from here on: what is learned must not depend on which thread was faster
      for (const [i, stream] of batch.entries()) {
        const one = opened[i];
        const proof = proofs[i];
        if (one !== undefined) this.#learn(one, proof);
        this.#onDone(stream.packedBytes);
        if (one === undefined || proof === undefined) continue;
        const inside = sinkToMemory();
        const inner = await this.unpack(imageInMemory(one.content), stream.inner, inside, allowance);
        const bytes = inner.length === 0 ? one.content : inside.bytes();
        if (sink.size + bytes.length + image.size - at > allowance) continue;
        copyStretch(image, at, stream.at, sink);
        const recipe: TargetStream = {
          codec: this.#codecNumber(stream.codec),
          settings: proof.settings,
          gapBytes: sink.size - lastEnd,
          unpackedBytes: bytes.length,
          contentBytes: one.content.length,
          corrections: proof.corrections,
          inner,
        };
        unpackedStreams.push(recipe);
        this.places.set(recipe, stream);
        sink.write(bytes);
        lastEnd = sink.size;
        at = stream.at + stream.packedBytes;
      }
    }
    copyStretch(image, at, image.size, sink);
    return unpackedStreams;
  }

  /** @returns undefined for a stream that stays packed in any case */
  async #open(image: ImageBytes, { codec, at, packedBytes, hash }: SurveyedStream): Promise<Opened | undefined> {
    if (this.#known.has(hash)) {
      this.counts.shared++;
      this.shared.add(hash);
      return undefined;
    }
    if (!this.#likely.isHopeful(codec)) {
      this.counts.left++;
      return undefined;
    }
    const packed = copyBytes(image, at, packedBytes);
    const decoded = await unpack(this.#pool, codec, packed);
    if (decoded instanceof CodecError || decoded.packedBytes !== packed.length) {
      this.counts.left++;
      return undefined;
    }
    return { codec, packed, content: decoded.unpacked };
  }

  async #prove({ codec, packed, content }: Opened): Promise<StreamProof | undefined> {
    const likely = this.#likely.of(codec);
    return (await this.#pool.run({ kind: 'prove', codec, packed, unpacked: content, likely })).proof;
  }

  #learn({ codec }: Opened, proof: StreamProof | undefined): void {
    this.#likely.learn(codec, proof?.settings);
    if (proof === undefined) this.counts.left++;
    else this.counts[proof.corrections.length === 0 ? 'reproduced' : 'corrected']++;
  }
}
