import { resolve } from 'node:path';
import * as z from 'zod/mini';
import { OtaError } from '../core/errors.js';
import { openFile } from '../core/file-access.js';
import type { RandomAccess } from '../core/random-access.js';
import { checkSchema } from '../core/schema.js';
import type { JsonObject } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import { filePrint } from './file-print.js';
import type { LineChunk } from './line-chunk.js';
import { LineSplitter, type WholeLines } from './line-splitter.js';
import { MAX_LINE_BYTES } from './message.js';
import type { Source } from './source.js';

const BLOCK_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

const count = z.number().check(z.int(), z.nonnegative());
/** How far a file was read. */
const filePosition = z.strictObject({
  /** Whole lines and their bytes. */
  bytes: count,
  lines: count,
  /** Bytes of a last line without line feed, which was read as well. */
  open: z.optional(count),
  /** What the file up to there is known by. */
  print: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
});
type FilePosition = z.infer<typeof filePosition>;

/** First bytes of files as people keep recordings in; none of them begins a line of JSON. */
const COMPRESSED: readonly (readonly [name: string, tool: string, magic: readonly number[]])[] = [
  ['gzip', 'zcat', [0x1f, 0x8b]],
  ['zstd', 'zstdcat', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', 'xzcat', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['bzip2', 'bzcat', [0x42, 0x5a, 0x68]],
];

/**
 * NDJSON in a regular file, read to its end. A last line without a line feed counts; when the file has grown
 * by the next run, that line is read again unless only its line feed was missing.
 *
 * A position names the bytes that were read and what the file up to there is known by, so a file that grew is
 * gone on with, and one that was cut or replaced is refused with CHECKPOINT_MISMATCH.
 *
 * @throws OtaError MESSAGE_INVALID for a file that is compressed; NOT_FOUND, PERMISSION_DENIED, IO_FAILED
 */
export async function openFileSource(path: string): Promise<Source> {
  const file = await openFile(path);
  await refuseCompressed(file, path);
  const id = `file:${resolve(path)}`;
  let doneBytes = 0;
  return {
    id,
    recovery: 'position',
    async *read(from, signal, limits = { maxChunkBytes: BLOCK_BYTES }) {
      const start = from === undefined ? { bytes: 0, lines: 0 } : await startBehind(file, from);
      if (start === undefined) {
        doneBytes = file.size;
        return;
      }
      for await (const chunk of chunksFrom(file, start, limits.maxChunkBytes, signal)) {
        doneBytes = chunk.position.bytes;
        yield chunk;
      }
    },
    async committed() {},
    lag: () => ({ amount: Math.max(0, file.size - doneBytes), unit: 'bytes' }),
    close: () => file.close(),
  };
}

async function* chunksFrom(
  file: RandomAccess,
  start: { readonly bytes: number; readonly lines: number },
  maxChunkBytes: number,
  signal: AbortSignal,
): AsyncGenerator<LineChunk & { readonly position: FilePosition }, void, undefined> {
  const splitter = new LineSplitter(MAX_LINE_BYTES, start);
  const block = new Uint8Array(Math.min(BLOCK_BYTES, maxChunkBytes));
  const chunk = async (lines: WholeLines, open: number) => ({
    ...lines,
    position: {
      bytes: splitter.bytes,
      lines: splitter.lines,
      ...(open > 0 && { open }),
      print: await printOf(file, splitter.bytes + open),
    } satisfies FilePosition,
  });
  // To its end, not to the size it had: somebody may still be appending.
  for (let at = start.bytes; !signal.aborted; ) {
    const got = await file.read(block, at);
    if (got === 0) {
      const open = splitter.open();
      if (open !== undefined) yield await chunk(open, splitter.openBytes);
      return;
    }
    at += got;
    const lines = splitter.push(block.subarray(0, got));
    if (lines !== undefined) yield await chunk(lines, 0);
  }
}

/** Where reading goes on behind a position; undefined at the end of a file that has not changed. */
async function startBehind(
  file: RandomAccess,
  from: JsonObject,
): Promise<{ readonly bytes: number; readonly lines: number } | undefined> {
  const {
    bytes,
    lines,
    open = 0,
    print,
  } = checkSchema(filePosition, from, {
    code: 'CHECKPOINT_MISMATCH',
    name: `position in ${file.name}`,
  });
  const end = bytes + open;
  const next = new Uint8Array(1);
  const hasGrown = (await file.read(next, end)) === 1;
  if (file.size < end && !hasGrown) throw mismatch(file, `has ${file.size} bytes, and ${end} were read before`);
  if ((await printOf(file, end)) !== print)
    throw mismatch(file, `its first ${end} bytes are not those that were read before`);
  if (open === 0) return { bytes, lines };
  if (!hasGrown) return undefined;
  return next[0] === LINE_FEED ? { bytes: end + 1, lines: lines + 1 } : { bytes, lines };
}

function printOf(file: RandomAccess, size: number): Promise<string> {
  return filePrint((into, position) => file.read(into, position), size);
}

function mismatch(file: RandomAccess, fact: string): OtaError {
  return new OtaError('CHECKPOINT_MISMATCH', `${escapeText(file.name)}: ${fact}`, [
    'Add --no-from-checkpoint to read it from its start: what came out already is left out.',
  ]);
}

/** Otherwise every line of it would be a dead letter. */
async function refuseCompressed(file: RandomAccess & { close(): Promise<void> }, path: string): Promise<void> {
  const start = new Uint8Array(Math.min(8, file.size));
  await file.read(start, 0);
  const found = COMPRESSED.find(([, , magic]) => magic.every((byte, index) => start[index] === byte));
  if (found === undefined) return;
  await file.close();
  const [name, tool] = found;
  throw new OtaError('MESSAGE_INVALID', `${escapeText(path)}: is compressed (${name}), expected lines of JSON`, [
    `Unpack it, or pipe it: ${tool} FILE | fleet replay - …`,
  ]);
}
