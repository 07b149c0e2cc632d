import { OtaError } from '../../../core/errors.js';
import { escapeText } from '../../../core/text.js';

/** The 7-Zip whose output is pinned, as WebAssembly. */
export const SEVEN_ZIP_VERSION = '7-Zip 24.09';

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
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  const loaded = await import('7z-wasm').catch((error: unknown) => error);
  if (loaded instanceof Error) throw missing(loaded.message.split('\n', 1)[0]!);
  const { default: load } = loaded as typeof import('7z-wasm');
  const sevenZip = await load({ print, printErr: print });
  sevenZip.FS.writeFile('/content', content);
  const status = sevenZip.callMain(['a', '-t7z', '-mhc=off', '-mf=off', `-m0=${method}`, '/packed.7z', '/content']);
  const banner = lines.find((line) => line.startsWith('7-Zip')) ?? 'nothing';
  if (!banner.startsWith(SEVEN_ZIP_VERSION.replace(' ', ' (z) '))) {
    throw missing(`it says ${banner}, expected ${SEVEN_ZIP_VERSION}`);
  }
  if (status !== 0)
    throw new Error(`7-Zip ended with status ${status}: ${lines.findLast((line) => line !== '') ?? ''}`);
  const file = Buffer.from(sevenZip.FS.readFile('/packed.7z'));
  const end = SIGNATURE_HEADER_BYTES + Number(file.readBigUInt64LE(INDEX_OFFSET_AT));
  return file.subarray(SIGNATURE_HEADER_BYTES, end);
}

function missing(reason: string): OtaError {
  return new OtaError('TOOL_MISSING', `The optional library 7z-wasm is not usable here: ${escapeText(reason)}`, [
    'Run `npm install 7z-wasm@1.2.0` where ota-fleet is installed.',
    'Or use a patch of format otad, which needs no such library.',
  ]);
}
