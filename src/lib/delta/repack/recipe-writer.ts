import type { BaseStream, Correction, Recipe, TargetStream } from './recipe.js';

/** Recipe format version, the first number of a recipe. */
export const RECIPE_VERSION = 1;

/**
 * Writes a recipe as bytes, for the coder of its container to pack.
 *
 * All numbers are unsigned LEB128. Neighbours with equal codec and settings are one run, whose numbers stand in
 * columns, so that thousands of blocks of a file system cost next to nothing once they are coded.
 *
 *     recipe  := version codecs base target checks
 *     codecs  := count (length name length version)*
 *     base    := count run*       run := length codec*2+inner gap* packed* content* base*
 *     target  := count run*       run := length codec*4+inner*2+corrected settingsLength settings
 *                                        gap* unpacked* (content target)* corrections*
 *     corrections := count (gap dropped length bytes)*
 *     checks  := 8 bytes for each group of the target's streams
 *
 * `inner` is 1 when each stream of the run has streams inside, and only then `base*` or `(content target)*` follow.
 */
export function writeRecipe({ codecs, base, target, checks }: Recipe): Uint8Array {
  const out = new ByteWriter();
  out.number(RECIPE_VERSION);
  out.number(codecs.length);
  for (const { name, version } of codecs) {
    out.sized(Buffer.from(name, 'latin1'));
    out.sized(Buffer.from(version, 'latin1'));
  }
  writeBase(out, base);
  writeTarget(out, target);
  for (const check of checks) out.bytes(check);
  return out.finish();
}

function writeBase(out: ByteWriter, streams: readonly BaseStream[]): void {
  out.number(streams.length);
  const kind = (stream: BaseStream) => stream.codec * 2 + (stream.inner.length > 0 ? 1 : 0);
  for (const run of runs(streams, (one, other) => kind(one) === kind(other))) {
    out.number(run.length);
    out.number(kind(run[0]!));
    for (const { gapBytes } of run) out.number(gapBytes);
    for (const { packedBytes } of run) out.number(packedBytes);
    for (const { contentBytes } of run) out.number(contentBytes);
    if (run[0]!.inner.length > 0) for (const { inner } of run) writeBase(out, inner);
  }
}

function writeTarget(out: ByteWriter, streams: readonly TargetStream[]): void {
  out.number(streams.length);
  const kind = ({ codec, inner, corrections }: TargetStream) =>
    codec * 4 + (inner.length > 0 ? 2 : 0) + (corrections.length > 0 ? 1 : 0);
  const isAlike = (one: TargetStream, other: TargetStream) =>
    kind(one) === kind(other) && Buffer.compare(one.settings, other.settings) === 0;
  for (const run of runs(streams, isAlike)) {
    const first = run[0]!;
    out.number(run.length);
    out.number(kind(first));
    out.sized(first.settings);
    for (const { gapBytes } of run) out.number(gapBytes);
    for (const { unpackedBytes } of run) out.number(unpackedBytes);
    if (first.inner.length > 0) {
      for (const { contentBytes, inner } of run) {
        out.number(contentBytes);
        writeTarget(out, inner);
      }
    }
    if (first.corrections.length > 0) for (const { corrections } of run) writeCorrections(out, corrections);
  }
}

function writeCorrections(out: ByteWriter, corrections: readonly Correction[]): void {
  out.number(corrections.length);
  for (const { gapBytes, droppedBytes, bytes } of corrections) {
    out.number(gapBytes);
    out.number(droppedBytes);
    out.sized(bytes);
  }
}

function runs<T>(items: readonly T[], isAlike: (one: T, other: T) => boolean): T[][] {
  const found: T[][] = [];
  for (const item of items) {
    const last = found.at(-1);
    if (last !== undefined && isAlike(last[0]!, item)) last.push(item);
    else found.push([item]);
  }
  return found;
}

class ByteWriter {
  readonly #pieces: Uint8Array[] = [];
  #bytes: number[] = [];

  number(value: number): void {
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) this.#bytes.push((left % 128) + 128);
    this.#bytes.push(left);
  }

  sized(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): void {
    this.#pieces.push(Uint8Array.from(this.#bytes), bytes);
    this.#bytes = [];
  }

  finish(): Uint8Array {
    this.bytes(new Uint8Array(0));
    return Buffer.concat(this.#pieces);
  }
}
