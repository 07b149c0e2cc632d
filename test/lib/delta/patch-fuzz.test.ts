import { readdirSync, readlinkSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryAccess, openFile } from '../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { applyDelta } from '../../../src/lib/delta/apply-delta.js';
import type { Coder, DeltaFormat, InPlaceOptions } from '../../../src/lib/delta/formats.js';
import { imageInMemory } from '../../../src/lib/delta/image/image-bytes.js';
import { applyInPlace, slotBytes } from '../../../src/lib/delta/inplace/apply-in-place.js';
import { encodeOtad } from '../../../src/lib/delta/otad/encode-otad.js';
import { readHeader, writeHeader } from '../../../src/lib/delta/otad/header.js';
import { realFirmware } from '../../support/firmware.js';
import { testFolder } from '../../support/folder.js';
import { type Mutation, mutate, mutations } from '../../support/mutations.js';
import { SimulatedSlot } from '../../support/simulated-slot.js';
import { controlBytes, forgePatch } from './forged-patch.js';

/** How many patches are tried in all; `FUZZ_PATCHES=1000000` for a long run, `FUZZ_SEED` for others. */
const PATCHES = Number(process.env.FUZZ_PATCHES ?? 10_000);
const runs = (share: number) => ({ numRuns: Math.ceil(PATCHES * share) });
const LONG_MS = 20_000 + PATCHES * 20;

/** An honest applier reads each of these small patches and images in a few steps. */
const MOST_READS = 2000;

const tally = { patches: 0, refused: 0, harmless: 0, 'wrong, to be found by the hash of the result': 0 };

afterAll(() => {
  if (process.env.FUZZ_PATCHES !== undefined) console.log(JSON.stringify(tally));
});

const fixture = (name: string) => readFile(join(import.meta.dirname, '../../fixtures/patches', name));
let firmware: { old: Uint8Array; new: Uint8Array };
let old: Uint8Array;
let target: Uint8Array;

beforeAll(async () => {
  firmware = await realFirmware('movehub');
  old = firmware.old.subarray(0x4000, 0x5800);
  target = Buffer.concat([firmware.new.subarray(0x5000, 0x5900), firmware.new.subarray(0x4000, 0x5000)]);
});

async function otadPatch(coder: Coder, inPlace?: InPlaceOptions): Promise<Buffer> {
  const choices = { coder, machine: 'thumb' as const, baseAddress: 0x800_4000, ...(inPlace ? { inPlace } : {}) };
  return Buffer.concat(await encodeOtad(imageInMemory(old), imageInMemory(target), choices, () => undefined));
}

/** Counts what is read of it: an applier that goes round in circles is found. */
function counted(bytes: Uint8Array, name: string): RandomAccess {
  const access = memoryAccess(bytes, name);
  let reads = 0;
  return {
    ...access,
    read: (into, position) => {
      if (++reads > MOST_READS) throw new Error(`${name} is read more than ${MOST_READS} times`);
      return access.read(into, position);
    },
  };
}

interface Subject {
  format: DeltaFormat;
  base: Uint8Array;
  target: Uint8Array;
}

/** A refusal of the right class, or exactly the right bytes; of bsdiff's formats, exactly as many. */
async function survives(patch: Uint8Array, { format, base, target }: Subject): Promise<void> {
  tally.patches++;
  const made: Buffer[] = [];
  let size = 0;
  try {
    const options = { format, patch: counted(patch, 'app.patch'), base: counted(base, 'old.bin') };
    for await (const piece of applyDelta({ ...options, targetSize: target.length })) {
      made.push(Buffer.from(piece));
      size += piece.length;
      if (size > target.length) throw new Error(`more than ${target.length} bytes`);
    }
  } catch (error) {
    expectRefusal(error, /^(PATCH_INVALID|LIMIT_EXCEEDED)$/);
    // what otad has passed on before is right
    if (format === 'otad') expect(Buffer.concat(made).equals(target.subarray(0, size))).toBe(true);
    return;
  }
  expect(size).toBe(target.length);
  const isRight = Buffer.concat(made).equals(target);
  if (isRight) tally.harmless++;
  else if (format === 'otad') throw new Error('a wrong image was made in silence');
  else tally['wrong, to be found by the hash of the result']++;
}

function expectRefusal(error: unknown, codes: RegExp): void {
  if (!(error instanceof Error) || error.name !== 'OtaError') throw error;
  expect((error as Error & { code: string }).code).toMatch(codes);
  tally.refused++;
}

function trying(share: number, attempt: (changes: readonly Mutation[]) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(mutations, attempt), runs(share));
}

describe(`of ${PATCHES} changed patches none crashes the applier, hangs it or makes too much`, () => {
  test.each<[name: string, format: DeltaFormat]>([
    ['movehub.bsdiff40', 'bsdiff40'],
    ['movehub.brotli.bsdf2', 'bsdf2'],
    ['movehub.bzip2-brotli-none.bsdf2', 'bsdf2'],
  ])(
    '%s of real firmware',
    async (name, format) => {
      const patch = await fixture(name);
      const subject = { format, base: firmware.old, target: firmware.new };
      await trying(0.006, (changes) => survives(mutate(patch, changes), subject));
    },
    LONG_MS,
  );

  const image = Buffer.alloc(2000, 'old image ');
  const parts = { diff: Buffer.alloc(980, 3), extra: Buffer.alloc(1020, 'x'), targetSize: 2000 };
  const control = controlBytes([
    [500, 20, -100],
    [300, 0, 700],
    [0, 0, 30],
    [180, 1000, 0],
  ]);
  const forged: Subject = { format: 'bsdf2', base: image, target: Buffer.alloc(2000) };

  test(
    'bsdf2 with stored streams, so that every change reaches the triples',
    async () => {
      const patch = forgePatch({ ...parts, compressors: [0, 0, 0], control });
      await survives(patch, forged);
      await trying(0.25, (changes) => survives(mutate(patch, changes), forged));
    },
    LONG_MS,
  );

  test(
    'bsdf2 with changes of the control stream only, under compression',
    () => trying(0.05, (changes) => survives(forgePatch({ ...parts, control: mutate(control, changes) }), forged)),
    LONG_MS,
  );

  test.each<[coder: Coder, share: number]>([
    ['none', 0.31],
    ['lzma', 0.1],
    ['brotli', 0.05],
    ['mix', 0.02],
  ])(
    'otad packed with %s',
    async (coder, share) => {
      const patch = await otadPatch(coder);
      const subject: Subject = { format: 'otad', base: old, target };
      await survives(patch, subject);
      await trying(share, (changes) => survives(mutate(patch, changes), subject));
    },
    LONG_MS,
  );

  test(
    'otad with changes of what is packed only, packed again',
    async () => {
      const stored = await otadPatch('none');
      const { size, ...header } = await readHeader(memoryAccess(stored, 'app.patch'));
      const body = stored.subarray(size);
      await trying(0.05, (changes) => {
        const changed = mutate(body, changes);
        const packed = brotliCompressSync(changed, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
        const start = writeHeader({ ...header, coder: 'brotli', bodyBytes: changed.length });
        return survives(Buffer.concat([start, packed]), { format: 'otad', base: old, target });
      });
    },
    LONG_MS,
  );

  test.each<[coder: Coder, share: number]>([
    ['none', 0.1],
    ['lzma', 0.05],
  ])(
    'otad-inplace packed with %s, of which none writes outside the slot',
    async (coder, share) => {
      const patch = await otadPatch(coder, { blockBytes: 1024, spaceBytes: 3072 });
      const size = await slotBytes(memoryAccess(patch, 'app.patch'));
      await updates(patch, size);
      await trying(share, (changes) => updates(mutate(patch, changes), size));
    },
    LONG_MS,
  );
});

async function updates(patch: Uint8Array, size: number): Promise<void> {
  tally.patches++;
  const slot = new SimulatedSlot(old, size);
  try {
    await applyInPlace({ patch: counted(patch, 'app.patch'), device: slot, targetSize: target.length });
  } catch (error) {
    expectRefusal(error, /^(PATCH_INVALID|LIMIT_EXCEEDED|BASE_MISMATCH|DOES_NOT_FIT)$/);
    return;
  }
  if (!slot.bytes.subarray(0, target.length).equals(target)) throw new Error('a wrong image was made in silence');
  tally.harmless++;
}

async function sizeOf(pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of pieces) size += piece.length;
  return size;
}

test.runIf(process.platform === 'linux')('refused patches leave no file open', async () => {
  await using folder = await testFolder();
  await writeFile(folder.file('old.bin'), old);
  const patches = await Promise.all((['none', 'lzma', 'brotli', 'mix'] as const).map((coder) => otadPatch(coder)));
  await fc.assert(
    fc.asyncProperty(fc.nat(3), mutations, async (which, changes) => {
      await writeFile(folder.file('app.patch'), mutate(patches[which]!, changes));
      await using patch = await openFile(folder.file('app.patch'));
      await using base = await openFile(folder.file('old.bin'));
      const made = applyDelta({ format: 'otad', patch, base, targetSize: target.length });
      await sizeOf(made).catch((error: unknown) => expectRefusal(error, /./));
    }),
    { numRuns: 50 },
  );
  const open = readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder.path);
    } catch {
      return false; // the listing's own
    }
  });
  expect(open).toEqual([]);
});
