import type { RandomAccess } from '../../core/random-access.js';
import type { PatchStream, StreamCompression } from '../formats.js';
import { invalidPatch } from '../patch-error.js';
import { brotliStream } from './brotli-stream.js';
import { bzip2Stream } from './bzip2-stream.js';
import { lzmaStream } from './lzma-stream.js';
import { patchBytes } from './patch-bytes.js';

type Decoder = (patch: RandomAccess, stream: PatchStream) => AsyncGenerator<Uint8Array, void, undefined>;

const DECODERS: Partial<Record<StreamCompression, Decoder>> = {
  none: patchBytes,
  bzip2: bzip2Stream,
  brotli: brotliStream,
  lzma: (patch, stream) => lzmaStream(patch, { ...stream, decodedBytes: stream.decodedBytes ?? 0 }),
};

/**
 * A cursor over one decoded stream of a patch: one chunk is held, the next is
 * decoded only when it is asked for.
 *
 * `chunk[at]` up to the end of `chunk` is what can be taken without waiting.
 */
export class DecodedStream {
  chunk: Uint8Array = new Uint8Array(0);
  at = 0;
  readonly #patchName: string;
  readonly #streamName: string;
  readonly #chunks: AsyncGenerator<Uint8Array, void, undefined>;

  constructor(patch: RandomAccess, stream: PatchStream) {
    this.#patchName = patch.name;
    this.#streamName = stream.name;
    const decoder = DECODERS[stream.compression];
    if (decoder === undefined) {
      throw invalidPatch(
        patch.name,
        `the ${stream.name} stream is ${stream.compression} data, which is not known here`,
      );
    }
    this.#chunks = decoder(patch, stream);
  }

  get available(): number {
    return this.chunk.length - this.at;
  }

  /** Waits until at least one byte can be taken. @throws OtaError PATCH_INVALID when the stream has ended */
  async fill(): Promise<void> {
    while (this.available === 0) {
      if (!(await this.#nextChunk())) {
        throw invalidPatch(this.#patchName, `the ${this.#streamName} stream is too short for the image it should make`);
      }
    }
  }

  /** Takes exactly `into.length` bytes across chunks. */
  async take(into: Uint8Array): Promise<void> {
    for (let taken = 0; taken < into.length; ) {
      await this.fill();
      const part = this.chunk.subarray(this.at, this.at + into.length - taken);
      into.set(part, taken);
      taken += part.length;
      this.at += part.length;
    }
  }

  /** Checks that nothing is left. @throws OtaError PATCH_INVALID when there is */
  async requireEnd(): Promise<void> {
    do {
      if (this.available > 0) {
        throw invalidPatch(this.#patchName, `the ${this.#streamName} stream goes on after the image is complete`);
      }
    } while (await this.#nextChunk());
  }

  async close(): Promise<void> {
    await this.#chunks.return();
  }

  async #nextChunk(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    this.chunk = next.value;
    this.at = 0;
    return true;
  }
}
