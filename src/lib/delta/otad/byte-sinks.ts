import type { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { brotliEncoder } from '../coders/brotli-encoder.js';
import { lzmaEncoder } from '../coders/lzma-encoder.js';
import type { Coding } from '../plan/coding-plan.js';
import type { ByteSink } from './byte-body-writer.js';

/**
 * @param sizeHint bytes that will be written, about
 * @throws OtaError TOOL_MISSING
 */
export async function byteSink(coding: Exclude<Coding, { coder: 'mix' }>, sizeHint: number): Promise<ByteSink> {
  if (coding.coder === 'brotli') return packingSink(brotliEncoder(coding.setting, sizeHint));
  if (coding.coder === 'none') return storingSink();
  const { stream, finish } = await lzmaEncoder(coding.effort, coding.dictionaryBits);
  return packingSink(stream, finish);
}

function storingSink(): ByteSink {
  const pieces: Uint8Array[] = [];
  return {
    write: async (bytes) => {
      pieces.push(bytes);
    },
    finish: async () => pieces,
  };
}

function packingSink(
  encoder: Transform,
  finish: (packed: Uint8Array, decodedBytes: number) => Uint8Array[] = (packed) => [packed],
): ByteSink {
  const packed = buffer(encoder);
  packed.catch(() => undefined); // reported when it is awaited
  let decodedBytes = 0;
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        decodedBytes += bytes.length;
        encoder.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    finish: async () => {
      encoder.end();
      return finish(await packed, decodedBytes);
    },
  };
}
