import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';

interface LzmaNative {
  FILTER_LZMA1: string;
  createStream(coder: 'rawEncoder', options: object): Duplex;
}

export interface RawLzma {
  lc: number;
  lp: number;
  pb: number;
  dictionaryBytes: number;
}

/** What liblzma's raw LZMA1 encoder makes of these bytes, its end marker included. */
export async function liblzmaEncode(bytes: Uint8Array, { lc, lp, pb, dictionaryBytes }: RawLzma): Promise<Buffer> {
  const lzma = createRequire(import.meta.url)('lzma-native') as LzmaNative;
  const options = { mode: 2, niceLen: 273, mf: 0x14, depth: 512, dictSize: dictionaryBytes, lc, lp, pb };
  const encoder = lzma.createStream('rawEncoder', { filters: [{ id: lzma.FILTER_LZMA1, options }] });
  encoder.end(bytes);
  const pieces: Buffer[] = [];
  for await (const piece of encoder) pieces.push(piece);
  return Buffer.concat(pieces);
}
