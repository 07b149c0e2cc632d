import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';

/** The 7-Zip whose output is pinned, as WebAssembly. */
export const SEVEN_ZIP_VERSION = '7-Zip 24.09';

/** 7-Zip's program with files in its memory, for one run. */
export interface SevenZipRun {
  writeFile(path: string, bytes: Uint8Array): void;
  readFile(path: string): Uint8Array;
  /**
   * Runs a command line.
   *
   * @throws OtaError TOOL_MISSING when it is another version; Error when it fails, with what it says
   */
  run(args: string[]): void;
}

/**
 * Loads 7-Zip.
 *
 * @param readByte gives the next byte of its standard input, null at the end
 * @throws OtaError TOOL_MISSING when the library is not installed
 */
export async function loadSevenZip(readByte?: () => number | null): Promise<SevenZipRun> {
  const loaded = await import('7z-wasm').catch((error: unknown) => error);
  if (loaded instanceof Error) throw missing(loaded.message.split('\n', 1)[0]!);
  const { default: load } = loaded as typeof import('7z-wasm');
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  const { FS, callMain } = await load({ print, printErr: print, ...(readByte && { stdin: readByte }) });
  return {
    writeFile: (path, bytes) => FS.writeFile(path, bytes),
    readFile: (path) => FS.readFile(path),
    run: (args) => {
      const status = callMain(args);
      const banner = lines.find((line) => line.startsWith('7-Zip')) ?? 'nothing';
      if (!banner.startsWith(SEVEN_ZIP_VERSION.replace(' ', ' (z) '))) {
        throw missing(`it says ${banner}, expected ${SEVEN_ZIP_VERSION}`);
      }
      if (status !== 0)
        throw new Error(`7-Zip ended with status ${status}: ${lines.findLast((line) => line !== '') ?? ''}`);
    },
  };
}

function missing(reason: string): OtaError {
  return new OtaError('TOOL_MISSING', `The optional library 7z-wasm is not usable here: ${escapeText(reason)}`, [
    'Run `npm install 7z-wasm@1.2.0` where ota-fleet is installed.',
    'Or use a patch of format otad or bsdf2, which need no such library.',
  ]);
}
