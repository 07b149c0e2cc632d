import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryAccess } from '../../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../../src/lib/core/random-access.js';
import type { Coder } from '../../../../src/lib/delta/formats.js';
import { imageInMemory } from '../../../../src/lib/delta/image/image-bytes.js';
import { applyInPlace, slotBytes } from '../../../../src/lib/delta/inplace/apply-in-place.js';
import { encodeOtad } from '../../../../src/lib/delta/otad/encode-otad.js';
import { realFirmware } from '../../../support/firmware.js';
import { CUTS, PowerCut, SimulatedSlot } from '../../../support/simulated-slot.js';

const BLOCK = 4096;

interface Update {
  old: Uint8Array;
  target: Uint8Array;
  patch: RandomAccess;
  slotBytes: number;
}

async function updateOf(
  old: Uint8Array,
  target: Uint8Array,
  { blockBytes = BLOCK, spaceBlocks = 1, coder = 'none' as Coder } = {},
): Promise<Update> {
  const inPlace = { blockBytes, spaceBytes: blockBytes * spaceBlocks };
  const pieces = await encodeOtad(imageInMemory(old), imageInMemory(target), { coder, inPlace }, () => undefined);
  const patch = memoryAccess(Buffer.concat(pieces), 'app.patch');
  return { old, target, patch, slotBytes: await slotBytes(patch) };
}

const run = ({ patch, target }: Update, device: SimulatedSlot) =>
  applyInPlace({ patch, device, targetSize: target.length });

const holds = ({ target }: Update, slot: SimulatedSlot) => slot.bytes.subarray(0, target.length).equals(target);

/** Numbers below 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

let firmware: { old: Uint8Array; new: Uint8Array };
let halves: Update;
/** Everything lies 100 bytes further, so that each block reads its own place. */
let moved: Update;

beforeAll(async () => {
  firmware = await realFirmware('movehub');
  // Two parts change places, so that blocks want each other's bytes.
  const image = Buffer.from(firmware.old.subarray(0, 40_000));
  const swapped = Buffer.concat([image.subarray(24_000), image.subarray(0, 24_000), Buffer.from('and a tail')]);
  halves = await updateOf(image, swapped, { spaceBlocks: 3 });
  moved = await updateOf(image, Buffer.concat([Buffer.alloc(100, 7), image]));
});

describe('applyInPlace', () => {
  test.each<[coder: Coder, spaceBlocks: number]>([
    ['none', 1],
    ['brotli', 2],
    ['lzma', 4],
  ])(
    'turns real firmware into its successor and back, packed with %s, space for %i blocks',
    async (coder, spaceBlocks) => {
      for (const [old, target] of [
        [firmware.old, firmware.new],
        [firmware.new, firmware.old],
      ] as const) {
        const update = await updateOf(old, target, { coder, spaceBlocks });
        expect(update.slotBytes).toBeLessThanOrEqual(
          Math.ceil(target.length / BLOCK + 1) * BLOCK + BLOCK * spaceBlocks,
        );
        const slot = new SimulatedSlot(old, update.slotBytes);
        await run(update, slot);
        expect(holds(update, slot)).toBe(true);
        expect(await run(update, slot)).toEqual({ writtenBytes: 0, keptBytes: target.length });
      }
    },
  );

  test('uses the space, and writes nothing behind it', async () => {
    const slot = new SimulatedSlot(halves.old, halves.slotBytes + 5000);
    expect(halves.slotBytes).toBe(BLOCK * 13);
    await run(halves, slot);
    expect(holds(halves, slot)).toBe(true);
    expect(slot.bytes.subarray(halves.slotBytes).every((byte) => byte === 0xff)).toBe(true);
  });

  test('images of any kind, and sizes from none', async () => {
    const image = fc
      .array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 3000 })), { maxLength: 12 })
      .map((parts) =>
        Buffer.concat(parts.map(([from, length]) => firmware.old.subarray(from * 700, from * 700 + length))),
      );
    await fc.assert(
      fc.asyncProperty(image, image, fc.integer({ min: 1, max: 5 }), async (old, target, spaceBlocks) => {
        const update = await updateOf(old, target, { blockBytes: 1024, spaceBlocks });
        const slot = new SimulatedSlot(old, update.slotBytes);
        await run(update, slot);
        expect(holds(update, slot)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('after a power cut, applyInPlace goes on', () => {
  const kinds = ['two parts change places', 'all bytes move a little'] as const;
  test.each(kinds.flatMap((kind) => CUTS.map((cut) => ({ kind, cut }))))(
    'at every write and sync where $kind, when $cut of the unsynced writes is left',
    async ({ kind, cut }) => {
      const update = kind === 'two parts change places' ? halves : moved;
      const whole = new SimulatedSlot(update.old, update.slotBytes);
      await run(update, whole);
      expect(whole.calls).toBeGreaterThan(20);
      for (let calls = 0; calls < whole.calls; calls++) {
        const slot = new SimulatedSlot(update.old, update.slotBytes);
        slot.cutAfter(calls);
        await expect(run(update, slot)).rejects.toThrow(PowerCut);
        const after = slot.rebooted(cut, randomOf(calls));
        await run(update, after);
        expect(holds(update, after), `cut after ${calls} calls`).toBe(true);
      }
    },
  );

  test('again and again, on real firmware', async () => {
    const update = await updateOf(firmware.old, firmware.new, { coder: 'none', spaceBlocks: 2 });
    for (let seed = 1; seed <= 6; seed++) {
      const random = randomOf(seed);
      let slot = new SimulatedSlot(update.old, update.slotBytes);
      let cuts = 0;
      for (let done = false; !done; ) {
        slot.cutAfter(Math.floor(random() * 25));
        done = await run(update, slot).then(
          () => true,
          (error: unknown) => {
            if (!(error instanceof PowerCut)) throw error;
            cuts++;
            return false;
          },
        );
        if (!done) slot = slot.rebooted(CUTS[Math.floor(random() * CUTS.length)]!, random);
      }
      expect(cuts).toBeGreaterThan(3);
      expect(holds(update, slot), `seed ${seed}`).toBe(true);
    }
  });
});

describe('applyInPlace refuses, and writes nothing into the image', () => {
  test('another image', async () => {
    const update = await updateOf(firmware.old, firmware.new);
    const other = Buffer.from(firmware.old);
    for (let at = 0; at < other.length; at += 100) other[at]! ^= 0x55;
    const slot = new SimulatedSlot(other, update.slotBytes);
    await expect(run(update, slot)).rejects.toMatchObject({ code: 'PATCH_INVALID' });
    expect(slot.bytes.subarray(0, other.length).equals(other)).toBe(true);
  });

  test('another image, found by the stash', async () => {
    const other = Buffer.from(halves.old).fill(1);
    const slot = new SimulatedSlot(other, halves.slotBytes);
    await expect(run(halves, slot)).rejects.toMatchObject({ code: 'BASE_MISMATCH' });
    expect(slot.bytes.subarray(0, other.length).equals(other)).toBe(true);
  });

  test('an update that was cut, which another patch must not take its stash', async () => {
    const image = Buffer.from(firmware.new.subarray(0, 40_000));
    const swapped = Buffer.concat([image.subarray(16_000), image.subarray(0, 16_000), Buffer.from('and a tail')]);
    const other = await updateOf(image, swapped, { spaceBlocks: 3 });
    const slot = new SimulatedSlot(halves.old, halves.slotBytes);
    slot.cutAfter(20);
    await expect(run(halves, slot)).rejects.toThrow(PowerCut);
    const after = slot.rebooted('everything', randomOf(1));
    await expect(run(other, after)).rejects.toMatchObject({ code: 'BASE_MISMATCH' });
    expect(after.calls).toBe(0);
    await run(halves, after);
    expect(holds(halves, after)).toBe(true);
  });

  test('a slot that is too small', async () => {
    const slot = new SimulatedSlot(halves.old, halves.slotBytes - 1);
    await expect(run(halves, slot)).rejects.toMatchObject({ code: 'DOES_NOT_FIT' });
    expect(slot.calls).toBe(0);
  });

  test('storage that does not keep what is written to it', async () => {
    const slot = new SimulatedSlot(halves.old, halves.slotBytes);
    const write = slot.write.bind(slot);
    slot.write = (bytes, position) =>
      write(
        bytes.map((byte) => byte & 0x7f),
        position,
      );
    await expect(run(halves, slot)).rejects.toMatchObject({
      code: expect.stringMatching(/^(IO_FAILED|BASE_MISMATCH)$/),
    });
  });
});
