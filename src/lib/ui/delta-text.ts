import { formatByteSize } from '../core/byte-size.js';
import { numberText } from '../core/number-text.js';
import { escapeText } from '../core/text.js';
import type { PatchExplanation } from '../delta/explain-patch.js';
import { factsText, gridText } from './table.js';

/** What a patch is made of, for people. Nobody vouches for any of it. */
export async function deltaText(name: string, delta: PatchExplanation): Promise<string> {
  const { format, size, targetBytes, baseBytes, streams, covers, coveredBytes, shares, prediction, chunks, unpacked } =
    delta;
  const comparedBytes = unpacked?.targetBytes ?? targetBytes;
  const ofTarget = (bytes: number) => `${((100 * bytes) / Math.max(1, comparedBytes)).toFixed(1)} %`;
  const packed = streams.reduce((sum, { packedBytes }) => sum + packedBytes, 0);
  return [
    `${escapeText(name)}: ${format}, ${formatByteSize(size)}, UNVERIFIED`,
    factsText([
      ['makes', formatByteSize(targetBytes)],
      ['from', baseBytes === undefined ? undefined : formatByteSize(baseBytes)],
      [
        'unpacked',
        unpacked &&
          `${formatByteSize(unpacked.baseBytes)} → ${formatByteSize(unpacked.targetBytes)}, which is compared`,
      ],
      ...(unpacked?.codecs ?? []).map(
        ({ name: codec, version, streams: parts, unpackedBytes }) =>
          [
            'packs again',
            `${numberText(parts)} × ${codec} (${version}), ${formatByteSize(unpackedBytes)} of content`,
          ] as const,
      ),
      ['pieces', `${numberText(covers)} of the old image, for ${ofTarget(coveredBytes)} of the new one`],
      ['equal', shares && `${ofTarget(shares.equalBytes)}, ${numberText(shares.equalBytes)} bytes`],
      [
        'predicted',
        shares && prediction && `${ofTarget(shares.predictedBytes)}, ${numberText(shares.predictedBytes)} bytes`,
      ],
      ['differing', shares && `${ofTarget(shares.differingBytes)}, ${numberText(shares.differingBytes)} bytes`],
      ['added', `${ofTarget(comparedBytes - coveredBytes)}, ${numberText(comparedBytes - coveredBytes)} bytes`],
      ['machine', prediction && machineWords(prediction)],
      ['chunks', chunks && chunkWords(chunks, comparedBytes)],
      ['shares', shares ? undefined : 'give --base IMAGE to see how much is equal, predicted or differing'],
    ]),
    '',
    await gridText(
      ['stream', 'coder', 'packed', 'decoded'],
      [
        ...(size > packed ? [['header', '', `${numberText(size - packed)} bytes`, '']] : []),
        ...streams.map(({ name: stream, coder, packedBytes, decodedBytes }) => [
          stream,
          coder,
          `${numberText(packedBytes)} bytes`,
          decodedBytes === undefined ? '' : `${numberText(decodedBytes)} bytes`,
        ]),
      ],
    ),
  ].join('\n');
}

function machineWords({ machine, oldSegments, newSegments, blockBytes }: NonNullable<PatchExplanation['prediction']>) {
  if (machine === 'none') return 'none: no references are predicted';
  return `${machine}, segments ${numberText(oldSegments)} → ${numberText(newSegments)}, blocks of ${blockBytes} bytes`;
}

function chunkWords(
  { count, bytes, isReordered }: NonNullable<PatchExplanation['chunks']>,
  targetBytes: number,
): string {
  const order = isReordered ? ', in an order of their own' : '';
  return `${numberText(count)} of ${formatByteSize(Math.min(bytes, targetBytes))} with ${count === 1 ? 'a hash' : 'a hash each'}${order}`;
}
