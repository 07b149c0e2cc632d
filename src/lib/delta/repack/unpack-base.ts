import { type ImageBytes, imageInMemory } from '../image/image-bytes.js';
import { batches } from './batches.js';
import { CodecError } from './codec-pool.js';
import { freeBytes } from './free-bytes.js';
import { copyStretch, type ImageSink, sinkToMemory } from './image-sink.js';
import type { BaseStream } from './recipe.js';
import { copyBytes, type SurveyedStream } from './survey.js';
import { type Unpacking, unpackSurveyed } from './unpacking.js';

/** Which of the old image's streams are worth unpacking. */
export interface BaseChoice {
  /** Streams that stay packed in the new image as well, by hash. */
  shared: ReadonlySet<string>;
  /** Place of a codec in the recipe; undefined for one that the new image does not use. */
  codecNumber: (name: string) => number | undefined;
}

/**
 * Unpacks an old image.
 *
 * @param allowance most that the unpacked image may have, bytes; streams that do not fit stay packed
 * @returns the streams that were unpacked; the unpacked image went into the sink
 */
export async function unpackBase(
  unpacking: Unpacking,
  image: ImageBytes,
  streams: readonly SurveyedStream[],
  choice: BaseChoice,
  sink: ImageSink,
  allowance: number,
): Promise<BaseStream[]> {
  const unpackedStreams: BaseStream[] = [];
  let at = 0;
  const wanted = streams.filter((stream) => !choice.shared.has(stream.hash) && codecOf(stream, choice) !== undefined);
  for (const batch of batches(wanted)) {
    const opened = await Promise.all(
      batch.map((stream) => {
        const packed = copyBytes(image, stream.at, stream.packedBytes);
        return unpackSurveyed(unpacking, codecOf(stream, choice)!, stream, packed);
      }),
    );
    for (const [i, stream] of batch.entries()) {
      const decoded = opened[i]!;
      if (decoded instanceof CodecError || decoded.packedBytes !== stream.packedBytes) continue;
      const content = decoded.unpacked;
      const contentBytes = content.length;
      const inside = sinkToMemory();
      const inner = await unpackBase(unpacking, imageInMemory(content), stream.inner, choice, inside, allowance);
      const bytes = inner.length === 0 ? content : inside.bytes();
      if (sink.size + bytes.length + image.size - at > allowance) continue;
      copyStretch(image, at, stream.at, sink);
      sink.write(bytes);
      freeBytes(content);
      unpackedStreams.push({
        codec: choice.codecNumber(codecOf(stream, choice)!)!,
        gapBytes: stream.at - at,
        packedBytes: stream.packedBytes,
        contentBytes,
        inner,
      });
      at = stream.at + stream.packedBytes;
    }
  }
  copyStretch(image, at, image.size, sink);
  return unpackedStreams;
}

/** The codec of what a stream may match: the other one's content has the first one's in it. */
function codecOf({ codec, otherwise }: SurveyedStream, { codecNumber }: BaseChoice): string | undefined {
  return [otherwise, codec].find((name) => name !== undefined && codecNumber(name) !== undefined);
}
