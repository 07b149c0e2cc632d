import { throwIfAborted, turnForSignals } from '../../core/abort.js';
import { addBytes } from '../add-bytes.js';
import { DecodedStream } from '../coders/decoded-stream.js';
import type { ApplyDeltaOptions, BsdiffLayout } from '../formats.js';
import { OLD_PAGE_BYTES, OldImage } from '../old-image.js';
import { invalidPatch } from '../patch-error.js';
import { TripleReader } from './triples.js';

const OUTPUT_BYTES = 256 * 1024;

/**
 * Rebuilds the new image from the old one and the triples of a patch, in order.
 *
 * The last bytes are yielded only after every stream was found to end with the image.
 *
 * @yields as `applyDelta`
 */
export async function* applyBsdiff(
  layout: BsdiffLayout,
  options: ApplyDeltaOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { patch } = options;
  const control = new DecodedStream(patch, layout.control);
  const diff = new DecodedStream(patch, layout.diff);
  const extra = new DecodedStream(patch, layout.extra);
  try {
    yield* rebuild(options, control, diff, extra);
  } finally {
    await Promise.all([control.close(), diff.close(), extra.close()]);
  }
}

async function* rebuild(
  { patch, base, targetSize, signal }: ApplyDeltaOptions,
  control: DecodedStream,
  diff: DecodedStream,
  extra: DecodedStream,
): AsyncGenerator<Uint8Array, void, undefined> {
  const old = new OldImage(base);
  const triples = new TripleReader(control, targetSize, patch.name);
  const out = new Uint8Array(Math.min(OUTPUT_BYTES, targetSize));
  let filled = 0;
  let oldPosition = 0;

  while (!triples.done) {
    throwIfAborted(signal);
    const loading = triples.load();
    if (loading !== undefined) await loading;
    const { add, copy, seek } = triples.next();
    // bsdiff never reads outside the old image; bspatch would take such bytes as zero
    if (add > 0 && (oldPosition < 0 || oldPosition + add > old.size)) {
      throw invalidPatch(
        patch.name,
        `a control triple adds ${add} bytes at position ${oldPosition} of the old image, which has ${old.size}`,
      );
    }
    for (let left = add; left > 0; ) {
      if (filled === out.length) {
        yield out;
        await turnForSignals(signal);
        filled = 0;
      }
      if (diff.available === 0) await diff.fill();
      const toPageEnd = OLD_PAGE_BYTES - (oldPosition % OLD_PAGE_BYTES);
      const length = Math.min(left, out.length - filled, diff.available, toPageEnd);
      const view = old.view(oldPosition, length);
      addBytes(out, filled, diff.chunk, diff.at, view instanceof Uint8Array ? view : await view, 0, length);
      filled += length;
      diff.at += length;
      oldPosition += length;
      left -= length;
    }
    for (let left = copy; left > 0; ) {
      if (filled === out.length) {
        yield out;
        await turnForSignals(signal);
        filled = 0;
      }
      const length = Math.min(left, out.length - filled);
      await extra.take(out.subarray(filled, filled + length));
      filled += length;
      left -= length;
    }
    oldPosition += seek;
    if (!Number.isSafeInteger(oldPosition)) {
      throw invalidPatch(patch.name, 'the control triples seek beyond 2^53 bytes from the old image');
    }
  }
  await control.requireEnd();
  await diff.requireEnd();
  await extra.requireEnd();
  if (filled > 0) yield out.subarray(0, filled);
}
