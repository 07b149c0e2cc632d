import { loadSevenZip } from '../../coders/seven-zip.js';

/** A .7z file: where its streams begin, and how far its index is from there. @see 7zFormat.txt of the LZMA SDK */
const SIGNATURE_HEADER_BYTES = 32;
const INDEX_OFFSET_AT = 12;

/**
 * Compresses bytes as one stream, by 7-Zip's encoder.
 *
 * @param method 7-Zip's name of a method with its parameters, such as `LZMA:d=16777216b:fb=32`
 * @returns the raw stream
 * @throws OtaError TOOL_MISSING when the library is not installed or another version; Error when it fails
 */
export async function compressBySevenZip(method: string, content: Uint8Array): Promise<Buffer> {
  const sevenZip = await loadSevenZip();
  sevenZip.writeFile('/content', content);
  sevenZip.run(['a', '-t7z', '-mhc=off', '-mf=off', `-m0=${method}`, '/packed.7z', '/content']);
  const file = Buffer.from(sevenZip.readFile('/packed.7z'));
  const end = SIGNATURE_HEADER_BYTES + Number(file.readBigUInt64LE(INDEX_OFFSET_AT));
  return file.subarray(SIGNATURE_HEADER_BYTES, end);
}
