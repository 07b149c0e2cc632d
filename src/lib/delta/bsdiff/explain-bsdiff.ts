import { throwIfAborted } from '../../core/abort.js';
import type { RandomAccess } from '../../core/random-access.js';
import { DecodedStream } from '../coders/decoded-stream.js';
import type { PatchExplanation } from '../explain-patch.js';
import type { BsdiffFormat } from '../formats.js';
import { inspectPatch } from '../inspect-patch.js';
import { TRIPLE_BYTES, TripleReader } from './triples.js';

/** Reads control and differences; a difference of zero is an old byte that stayed. Errors as `explainPatch`. */
export async function explainBsdiff(
  format: BsdiffFormat,
  patch: RandomAccess,
  signal: AbortSignal | undefined,
): Promise<PatchExplanation> {
  const layout = await inspectPatch(format, patch);
  const control = new DecodedStream(patch, layout.control);
  const diff = new DecodedStream(patch, layout.diff);
  let triples = 0;
  let covers = 0;
  let coveredBytes = 0;
  let equalBytes = 0;
  try {
    const reader = new TripleReader(control, layout.targetSize, patch.name);
    while (!reader.done) {
      throwIfAborted(signal);
      await reader.load();
      const { add } = reader.next();
      triples++;
      if (add > 0) covers++;
      coveredBytes += add;
      equalBytes += await countZeros(diff, add, signal);
    }
    await control.requireEnd();
    await diff.requireEnd();
  } finally {
    await Promise.all([control.close(), diff.close()]);
  }
  const addedBytes = layout.targetSize - coveredBytes;
  const decoded = { control: triples * TRIPLE_BYTES, diff: coveredBytes, extra: addedBytes };
  return {
    format,
    size: patch.size,
    targetBytes: layout.targetSize,
    streams: [layout.control, layout.diff, layout.extra].map(({ name, compression, size }) => ({
      name,
      coder: compression,
      packedBytes: size,
      decodedBytes: decoded[name as keyof typeof decoded],
    })),
    covers,
    coveredBytes,
    shares: { equalBytes, predictedBytes: 0, differingBytes: coveredBytes - equalBytes, addedBytes },
  };
}

async function countZeros(stream: DecodedStream, length: number, signal: AbortSignal | undefined): Promise<number> {
  let zeros = 0;
  for (let left = length; left > 0; ) {
    if (stream.available === 0) {
      throwIfAborted(signal);
      await stream.fill();
    }
    const part = stream.chunk.subarray(stream.at, stream.at + left);
    for (const byte of part) if (byte === 0) zeros++;
    stream.at += part.length;
    left -= part.length;
  }
  return zeros;
}
