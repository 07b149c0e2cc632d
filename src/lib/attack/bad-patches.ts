import type { AttackCase, Expectation } from './attack-case.js';
import { type Forge, flipBit } from './forge.js';
import { OTHER_BASE_FILE, packedPatch } from './packed-patch.js';
import {
  BASE_BYTES,
  BSDIFF_FORMATS,
  type BsdiffFormat,
  controlStream,
  type ForgedPatch,
  largeWindowBrotli,
  patchBytes,
  STAND_IN_EXTRA,
  STAND_IN_TARGET,
  triple,
  VALID_PATCH,
} from './patch-bytes.js';

const BOMB_BYTES = 64 * 1024 ** 2;
const IDLE_TRIPLES = 100_000;
const INT64_MAX = 2n ** 63n - 1n;

/** Name, code, what is wrong, the patch. */
type PatchAttack = readonly [string, Expectation, string, ForgedPatch];

/**
 * Rows 22 and 25 to 32, and their controls: hostile patches in the formats of bsdiff, correctly hashed and
 * signed, against a stand-in base image of 4 KiB.
 */
export function* badPatches(forge: Forge): Generator<AttackCase> {
  for (const format of BSDIFF_FORMATS) {
    for (const [row, attacks] of attacksByRow()) {
      for (const [name, code, change, patch] of attacks) yield patchCase(forge, row, format, name, code, change, patch);
    }
    yield {
      ...patchCase(
        forge,
        31,
        format,
        'wrong-base',
        'BASE_MISMATCH',
        'the patch is valid, the base is not',
        VALID_PATCH,
      ),
      base: OTHER_BASE_FILE,
    };
  }
  yield patchCase(forge, 22, 'bsdf2', 'large-window', 'PATCH_INVALID', 'the diff stream asks for a window of 1 GiB', {
    ...VALID_PATCH,
    compressed: (streams) => ({ ...streams, diff: largeWindowBrotli(VALID_PATCH.diff) }),
  });
  yield patchCase(forge, 28, 'bsdf2', 'unknown-compressor', 'PATCH_INVALID', 'the diff stream has compressor 9', {
    ...VALID_PATCH,
    header: (header) => header.writeUInt8(9, 6),
  });
}

function attacksByRow(): [number, PatchAttack[]][] {
  return [
    [0, [['valid', 'OK', 'a valid patch of the stand-in image', VALID_PATCH]]],
    [22, bombs()],
    [25, impossibleLengths()],
    [26, seeks()],
    [27, shortStreams()],
    [28, longStreams()],
    [29, otherSizes()],
    [
      30,
      [['idle-triples', 'LIMIT_EXCEEDED', `${IDLE_TRIPLES} triples make nothing`, { ...VALID_PATCH, control: idle() }]],
    ],
    [32, [otherOutput()]],
  ];
}

function bombs(): PatchAttack[] {
  const bomb = Buffer.alloc(BOMB_BYTES);
  return [
    ['diff-bomb', 'PATCH_INVALID', 'the diff stream decodes to 64 MiB', { ...VALID_PATCH, diff: bomb }],
    ['extra-bomb', 'PATCH_INVALID', 'the extra stream decodes to 64 MiB', { ...VALID_PATCH, extra: bomb }],
  ];
}

/** The valid patch with some parts replaced. */
function refusedPatch(name: string, change: string, parts: Partial<ForgedPatch>): PatchAttack {
  return [name, 'PATCH_INVALID', change, { ...VALID_PATCH, ...parts }];
}

function impossibleLengths(): PatchAttack[] {
  const control = (...triples: Parameters<typeof controlStream>[0]) => ({ control: controlStream(triples) });
  return [
    refusedPatch('negative-add', 'a triple adds -1 bytes', control(triple(-1, 96))),
    refusedPatch('negative-copy', 'a triple copies -96 bytes', control(triple(4000, -96))),
    refusedPatch('add-int64-max', 'a triple adds 2^63 - 1 bytes', control(triple(INT64_MAX, 96))),
    refusedPatch('add-2-to-53', 'a triple adds 2^53 bytes', control(triple(2n ** 53n, 96))),
    refusedPatch('add-4-gib', 'a triple adds 4 GiB', control(triple(2n ** 32n, 96))),
    refusedPatch('copy-int64-max', 'a triple copies 2^63 - 1 bytes', control(triple(4000, INT64_MAX))),
    refusedPatch('sum-wraps', 'two lengths add up to 2^64', control(triple(INT64_MAX, INT64_MAX))),
    refusedPatch('one-byte-more', 'the triples make one byte too many', control(triple(4000, 97))),
    refusedPatch('header-negative-control', 'the control stream has -1 bytes in the header', { controlSize: -1n }),
    refusedPatch('header-negative-diff', 'the diff stream has -1 bytes in the header', { diffSize: -1n }),
    refusedPatch('header-control-int64-max', 'the control stream has 2^63 - 1 bytes in the header', {
      controlSize: INT64_MAX,
    }),
    refusedPatch('header-sum-wraps', 'the streams of the header add up to 2^64', {
      controlSize: INT64_MAX,
      diffSize: INT64_MAX,
    }),
    refusedPatch('header-beyond-end', 'the diff stream ends beyond the patch', { diffSize: 1_000_000n }),
  ];
}

function seeks(): PatchAttack[] {
  const refuse = (name: string, change: string, seek: number | bigint): PatchAttack =>
    refusedPatch(name, change, { control: controlStream([triple(16, 0, seek), triple(3984, 96)]) });
  return [
    refuse('before-start', 'a triple adds from 48 bytes before the base', -64),
    refuse('past-end', 'a triple adds from far beyond the base', 1_000_000),
    refuse('across-end', 'a triple adds across the end of the base', 100 + BASE_BYTES - 4000),
    refuse('int64-max', 'a triple seeks 2^63 - 1 bytes', INT64_MAX),
    refuse('int64-min', 'a triple seeks -(2^63 - 1) bytes', -INT64_MAX),
  ];
}

function shortStreams(): PatchAttack[] {
  const { control, diff, extra } = VALID_PATCH;
  return [
    refusedPatch('control', 'the control stream ends within a triple', { control: control.subarray(0, -1) }),
    refusedPatch('no-control', 'the control stream decodes to nothing', { control: Buffer.alloc(0) }),
    refusedPatch('diff', 'the diff stream is one byte short', { diff: diff.subarray(1) }),
    refusedPatch('extra', 'the extra stream is one byte short', { extra: extra.subarray(0, -1) }),
    ...(['control', 'diff', 'extra'] as const).map((name) =>
      refusedPatch(`${name}-cut`, `the compressed ${name} stream is one byte short`, {
        compressed: (streams) => ({ ...streams, [name]: streams[name].subarray(0, -1) }),
      }),
    ),
    refusedPatch('empty-streams', 'the streams have no bytes at all', {
      compressed: () => ({ control: Buffer.alloc(0), diff: Buffer.alloc(0), extra: Buffer.alloc(0) }),
    }),
    refusedPatch('not-compressed', 'the extra stream is not compressed', {
      compressed: (streams) => ({ ...streams, extra: STAND_IN_EXTRA }),
    }),
  ];
}

function longStreams(): PatchAttack[] {
  const { control, diff, extra } = VALID_PATCH;
  return [
    refusedPatch('control', 'a triple is left over', {
      control: Buffer.concat([control, controlStream([triple(0, 0)])]),
    }),
    refusedPatch('diff', 'a byte of the diff stream is left over', { diff: Buffer.concat([diff, Buffer.of(0)]) }),
    refusedPatch('extra', 'a byte of the extra stream is left over', { extra: Buffer.concat([extra, Buffer.of(0)]) }),
    ...(['control', 'diff', 'extra'] as const).map((name) =>
      refusedPatch(`${name}-trailing`, `a byte follows the compressed ${name} stream`, {
        compressed: (streams) => ({ ...streams, [name]: Buffer.concat([streams[name], Buffer.of(0)]) }),
      }),
    ),
    refusedPatch('magic', 'the magic is another one', { header: (header) => header.write('BSDIFF41', 'latin1') }),
  ];
}

function otherSizes(): PatchAttack[] {
  const sizes: [string, bigint][] = [
    ['one-byte-less', BigInt(STAND_IN_TARGET.length - 1)],
    ['one-byte-more', BigInt(STAND_IN_TARGET.length + 1)],
    ['zero', 0n],
    ['1-tib', 2n ** 40n],
    ['int64-max', INT64_MAX],
    ['negative', -1n],
  ];
  return sizes.map(([name, targetSize]) => [
    name,
    'PATCH_INVALID',
    `the patch says it makes ${targetSize} bytes, the metadata ${STAND_IN_TARGET.length}`,
    { ...VALID_PATCH, targetSize },
  ]);
}

function idle(): Buffer {
  return Buffer.concat([Buffer.alloc(24 * IDLE_TRIPLES), VALID_PATCH.control]);
}

function otherOutput(): PatchAttack {
  const patch = { ...VALID_PATCH, extra: flipBit(STAND_IN_EXTRA, 0) };
  return ['other-output', 'TARGET_MISMATCH', 'the patch is well-formed and makes another image', patch];
}

function patchCase(
  forge: Forge,
  row: number,
  format: BsdiffFormat,
  name: string,
  code: Expectation,
  change: string,
  patch: ForgedPatch,
): AttackCase {
  return packedPatch(forge, { row, format, name, code, change, bytes: patchBytes(format, patch) });
}
