import type { Transform } from 'node:stream';
import type { LzmaFilter, LzmaLibrary } from 'lzma-native';
import { OtaError } from '../../../core/errors.js';
import { escapeText } from '../../../core/text.js';
import { NativeGate } from '../native-gate.js';

/** The liblzma whose output is pinned: the package carries and builds it. */
export const LZMA_VERSION = 'liblzma 5.2.3';

/**
 * Loads liblzma, a native library that is optional.
 *
 * @throws OtaError TOOL_MISSING when it is not installed, does not load, or is another version
 */
export async function loadLzma(): Promise<LzmaLibrary> {
  const loaded = await import('lzma-native').catch((error: unknown) => error);
  if (loaded instanceof Error) throw missing(loaded.message.split('\n', 1)[0]!);
  const { default: lzma } = loaded as typeof import('lzma-native');
  const version = `liblzma ${lzma.versionString()}`;
  if (version !== LZMA_VERSION) throw missing(`it carries ${version}, expected ${LZMA_VERSION}`);
  return lzma;
}

let gate = new NativeGate();

/** Lets calls into the library pass a gate that whoever ends this thread closes first. */
export function passNativeGate(memory: SharedArrayBuffer): void {
  gate = new NativeGate(memory);
}

/** The library copies what it is given, so it is given one piece after the other, bytes. */
const PIECE_BYTES = 256 * 1024;

/**
 * Runs bytes through one raw encoder or decoder, in this thread: work on others would end the process when this
 * thread is ended before it.
 *
 * @param maxBytes allocated at once, so that what comes out is held only once: room in the address space, no memory
 *   before it is written
 * @throws Error of the library, and one that says so when more than `maxBytes` come out
 */
export async function runLzma(
  coder: 'rawEncoder' | 'rawDecoder',
  filters: LzmaFilter[],
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Buffer> {
  const lzma = await loadLzma();
  const stream = guarded(lzma.createStream(coder, { filters, synchronous: true }));
  const finished = Promise.withResolvers<void>();
  const made = Buffer.alloc(maxBytes);
  let size = 0;
  stream.on('data', (piece: Buffer) => {
    if (size + piece.length > maxBytes) finished.reject(new Error(`the stream unpacks to more than ${maxBytes} bytes`));
    else size += piece.copy(made, size);
  });
  stream.on('end', finished.resolve);
  stream.on('error', finished.reject);
  const give = (at: number) => {
    if (at >= bytes.length) stream.end();
    else {
      stream.write(bytes.subarray(at, at + PIECE_BYTES), (error) => {
        if (error == null) give(at + PIECE_BYTES);
      });
    }
  };
  give(0);
  try {
    await finished.promise;
  } finally {
    stream.destroy();
  }
  return made.subarray(0, size);
}

/** Passes the gate around each piece: the library's work is done when its `_transform` returns. */
function guarded(stream: Transform): Transform {
  const transform = stream._transform.bind(stream);
  stream._transform = (piece, encoding, callback) => {
    try {
      gate.enter();
    } catch (error) {
      callback(error as Error);
      return;
    }
    try {
      transform(piece, encoding, callback);
    } finally {
      gate.leave();
    }
  };
  return stream;
}

function missing(reason: string): OtaError {
  return new OtaError('TOOL_MISSING', `The optional library lzma-native is not usable here: ${escapeText(reason)}`, [
    'Run `npm install lzma-native@8.0.6` where ota-fleet is installed.',
    'Or use a patch of format otad, which needs no such library.',
  ]);
}
