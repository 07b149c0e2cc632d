import { createHash } from 'node:crypto';
import { type ImageBytes, imageInMemory } from '../image/image-bytes.js';
import { batches } from './batches.js';
import { CodecError } from './codec-pool.js';
import { freeBytes } from './free-bytes.js';
import { copyStretch, type ImageSink, sinkToMemory } from './image-sink.js';
import { LikelySettings } from './likely-settings.js';
import type { StreamProof } from './prove-stream.js';
import type { ProvenStream } from './proven-streams.js';
import type { TargetStream } from './recipe.js';
import { copyBytes, type SurveyedStream } from './survey.js';
import { type Unpacking, unpackSurveyed } from './unpacking.js';

/** A codec's attempt at a stream. */
interface Attempt {
  codec: string;
  /** What it unpacks to. */
  content: Uint8Array;
  proof: StreamProof | undefined;
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
  /** Packed bytes by codec: of streams that were unpacked, less those of streams that no settings make. */
  readonly gain = new Map<string, number>();
  /** Streams that were unpacked. */
  readonly proven = new Map<TargetStream, ProvenStream>();
  readonly #unpacking: Unpacking;
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
    unpacking: Unpacking,
    known: ReadonlySet<string>,
    codecNumber: (name: string) => number,
    onDone: (packedBytes: number) => void,
  ) {
    this.#unpacking = unpacking;
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
      const attempts = await Promise.all(batch.map((stream) => this.#attempts(image, stream)));
      // one after the other from here on: what is learned must not depend on which thread was faster
      for (const [i, stream] of batch.entries()) {
        const { codec, content, proof } = this.#learn(stream, attempts[i]!) ?? {};
        this.#onDone(stream.packedBytes);
        if (codec === undefined || content === undefined || proof === undefined) continue;
        const inside = sinkToMemory();
        const inner = await this.unpack(imageInMemory(content), stream.inner, inside, allowance);
        const bytes = inner.length === 0 ? content : inside.bytes();
        if (sink.size + bytes.length + image.size - at > allowance) continue;
        copyStretch(image, at, stream.at, sink);
        const recipe: TargetStream = {
          codec: this.#codecNumber(codec),
          settings: proof.settings,
          gapBytes: sink.size - lastEnd,
          unpackedBytes: bytes.length,
          contentBytes: content.length,
          corrections: proof.corrections,
          inner,
        };
        unpackedStreams.push(recipe);
        const contentHash = createHash('sha256').update(bytes).digest();
        this.proven.set(recipe, { at: stream.at, packedBytes: stream.packedBytes, recipe, contentHash });
        sink.write(bytes);
        freeBytes(content);
        lastEnd = sink.size;
        at = stream.at + stream.packedBytes;
      }
    }
    copyStretch(image, at, image.size, sink);
    return unpackedStreams;
  }

  /** @returns one for each codec that was asked; the last one may have a proof */
  async #attempts(image: ImageBytes, stream: SurveyedStream): Promise<Attempt[]> {
    const attempts: Attempt[] = [];
    if (this.#known.has(stream.hash)) return attempts;
    for (const codec of [stream.codec, stream.otherwise]) {
      if (codec === undefined || !this.#likely.isHopeful(codec)) continue;
      const packed = copyBytes(image, stream.at, stream.packedBytes);
      const attempting = this.#attempt(codec, stream, packed);
      const attempt = await attempting.catch((error: unknown) => this.#unpacking.missing.note(error));
      if (attempt !== undefined) attempts.push(attempt);
      if (attempt?.proof !== undefined) break;
    }
    return attempts;
  }

  /** @param packed gone afterwards */
  async #attempt(codec: string, stream: SurveyedStream, packed: Uint8Array): Promise<Attempt | undefined> {
    const decoded = await unpackSurveyed(this.#unpacking, codec, stream, packed);
    if (decoded instanceof CodecError || decoded.packedBytes !== packed.length) return undefined;
    const { unpacked } = decoded;
    const likely = this.#likely.of(codec);
    const job = { kind: 'prove', codec, packed, unpacked, likely } as const;
    const { proof, unpacked: content } = await this.#unpacking.pool.run(job, [packed, unpacked]);
    return { codec, content, proof };
  }

  /** @returns the last attempt */
  #learn({ codec, hash, packedBytes }: SurveyedStream, attempts: readonly Attempt[]): Attempt | undefined {
    for (const attempt of attempts) this.#likely.learn(attempt.codec, attempt.proof?.settings);
    const last = attempts.at(-1);
    if (this.#known.has(hash)) {
      this.counts.shared++;
      this.shared.add(hash);
      return last;
    }
    const isProved = last?.proof !== undefined;
    if (last?.proof === undefined) this.counts.left++;
    else this.counts[last.proof.corrections.length === 0 ? 'reproduced' : 'corrected']++;
    const named = isProved ? last.codec : codec;
    this.gain.set(named, (this.gain.get(named) ?? 0) + (isProved ? packedBytes : -packedBytes));
    return last;
  }
}
