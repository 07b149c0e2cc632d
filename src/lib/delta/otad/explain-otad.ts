import type { RandomAccess } from '../../core/random-access.js';
import type { ByteShares, PatchExplanation } from '../explain-patch.js';
import type { BlockBytes, BodyReader } from './body.js';
import { bodyReader } from './body-reader.js';
import type { Control } from './control.js';
import { explainRecipe } from './explain-recipe.js';
import { otadChunks } from './otad-chunks.js';
import { type OtadFormat, type OtadLayout, otadLayout } from './otad-layout.js';

/** Reads the control section and, where the old image is at hand, makes the new one to count its bytes. Errors as `explainPatch`. */
export async function explainOtad(
  format: OtadFormat,
  patch: RandomAccess,
  base: RandomAccess | undefined,
  signal: AbortSignal | undefined,
): Promise<PatchExplanation> {
  const layout = await otadLayout(format, patch);
  const { header, body, repack } = layout;
  await using recipe = repack && (await explainRecipe(layout, patch.name, base, signal));
  const tally = new TallyingBody(bodyReader(patch, layout));
  if (base === undefined) {
    await tally.control().finally(() => tally.close());
  } else {
    for await (const _ of otadChunks({
      layout,
      patch,
      base: recipe?.base ?? base,
      body: tally,
      ...(signal && { signal }),
    }));
  }
  const control = tally.seen!;
  const { spaces, blockBits, covers } = control;
  return {
    format,
    size: patch.size,
    targetBytes: layout.targetSize,
    baseBytes: repack?.baseSize ?? header.baseSize,
    streams: [
      ...(repack ? [recipeStream(layout, repack.recipe.length)] : []),
      { name: body.name, coder: body.compression, packedBytes: body.size, ...decodedSize(layout) },
    ],
    ...(recipe && { unpacked: recipe.unpacked }),
    covers: covers.count,
    coveredBytes: coveredBytes(control),
    ...(base && { shares: tally.shares }),
    prediction: {
      machine: spaces.machine,
      oldSegments: spaces.old.length,
      newSegments: spaces.new.length,
      blockBytes: 2 ** blockBits,
    },
    chunks: { count: header.chunkHashes.length, bytes: 2 ** header.chunkBits, isReordered: header.reordered },
  };
}

function recipeStream({ header, body }: OtadLayout, decodedBytes: number): PatchExplanation['streams'][number] {
  return { name: 'recipe', coder: 'brotli', packedBytes: body.offset - header.size, decodedBytes };
}

function decodedSize({ header }: OtadLayout): { decodedBytes?: number } {
  return header.bodyBytes === 0 ? {} : { decodedBytes: header.bodyBytes };
}

function coveredBytes({ covers }: Control): number {
  let bytes = 0;
  for (let i = 0; i < covers.count; i++) bytes += covers.length[i]!;
  return bytes;
}

/** Passes a body on, and counts where the bytes of the new image come from. */
class TallyingBody implements BodyReader {
  seen: Control | undefined;
  readonly shares: ByteShares = { equalBytes: 0, predictedBytes: 0, differingBytes: 0, addedBytes: 0 };
  readonly inImageOrder: boolean;
  readonly #body: BodyReader;

  constructor(body: BodyReader) {
    this.#body = body;
    this.inImageOrder = body.inImageOrder;
  }

  async control(): Promise<Control> {
    this.seen = await this.#body.control();
    return this.seen;
  }

  chunk(blocks: number): Promise<void> {
    return this.#body.chunk(blocks);
  }

  unchanged(): number {
    return 0;
  }

  mode(length: number): number | Promise<number> {
    return this.#body.mode(length);
  }

  async correct(block: BlockBytes): Promise<boolean> {
    const differs = await this.#body.correct(block);
    const { old, predicted, actual } = block;
    for (let i = 0; i < actual.length; i++) {
      if (actual[i] === old[i]) this.shares.equalBytes++;
      else if (actual[i] === predicted[i]) this.shares.predictedBytes++;
      else this.shares.differingBytes++;
    }
    return differs;
  }

  async extra(actual: Uint8Array, newAt: number): Promise<void> {
    this.shares.addedBytes += actual.length;
    await this.#body.extra(actual, newAt);
  }

  requireEnd(): Promise<void> {
    return this.#body.requireEnd();
  }

  close(): Promise<void> {
    return this.#body.close();
  }
}
