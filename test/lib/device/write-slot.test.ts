import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Flash } from '../../../src/lib/device/flash.js';
import { readBack, writeSlot } from '../../../src/lib/device/write-slot.js';
import { EMPTY_STATE, poweredUp } from '../../../src/lib/simulate/disk.js';
import type { Operation } from '../../../src/lib/simulate/operation.js';
import { SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';
import { deviceClock } from '../../support/device.js';

const place = { component: 'app', slot: 'b' };

/** Flash that holds its users to its rules: it is erased by blocks and written once, aligned. */
function flash(erasedValue: number, onOperation?: (operation: Operation) => void): Flash {
  const geometry = { eraseBlockBytes: 64, writeAlignmentBytes: 16, erasedValue };
  const fs = new SimulatedFs(poweredUp(EMPTY_STATE), { geometry, ...(onOperation && { onOperation }) });
  const components = { app: { slots: ['a', 'b'], slotBytes: 1024 } };
  return {
    machine: { fs, clock: deviceClock },
    layout: { ...geometry, components, bootAttempts: 3, confirmTimeoutSeconds: 1 },
  };
}

async function* pieces(image: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < image.length; at += size) yield image.subarray(at, at + size);
}

const digest = (image: Buffer) => ({ version: '1.0.0', size: image.length, sha256: hash('sha256', image) });

/** Images that share blocks, have erased ones, and end anywhere. */
const image = fc
  .tuple(fc.array(fc.constantFrom(0, 1, 2, 255), { minLength: 1, maxLength: 16 }), fc.integer({ min: 1, max: 64 }))
  .map(([blocks, last]) =>
    Buffer.concat(blocks.map((value, index) => Buffer.alloc(index === blocks.length - 1 ? last : 64, value))),
  );

describe('a slot', () => {
  it('holds each image that is written to it, in turn, whatever it held before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(image, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 200 }),
        fc.constantFrom(0, 255),
        async (images, size, erasedValue) => {
          const device = flash(erasedValue);
          for (const each of images) {
            const written = await writeSlot(device, place, pieces(each, size));
            expect(written.writtenBytes + written.skippedBytes).toBe(each.length);
            await readBack(device, place, digest(each));
          }
          expect(await writeSlot(device, place, pieces(images.at(-1)!, size))).toMatchObject({ writtenBytes: 0 });
        },
      ),
    );
  });

  it('is written only where it differs, and synced even where it does not', async () => {
    const operations: Operation[] = [];
    const device = flash(255, (operation) => operations.push(operation));
    const first = Buffer.alloc(300, 1);
    await writeSlot(device, place, pieces(first, 300));
    // The name of a new file is not durable by itself.
    expect(operations.slice(-2).map(({ kind }) => kind)).toEqual(['sync', 'syncDirectory']);
    operations.length = 0;
    const second = Buffer.from(first);
    second[130] = 9;
    expect(await writeSlot(device, place, pieces(second, 7))).toEqual({ writtenBytes: 64, skippedBytes: 236 });
    expect(operations.map(({ kind, position, length }) => [kind, position, length])).toEqual([
      ['erase', 128, 64],
      ['write', 128, 64],
      ['sync', undefined, undefined],
    ]);
    operations.length = 0;
    await writeSlot(device, place, pieces(second, 300));
    expect(operations.map(({ kind }) => kind)).toEqual(['sync']);
  });

  it('that reads back otherwise is reported', async () => {
    const device = flash(255);
    await writeSlot(device, place, pieces(Buffer.alloc(300, 1), 300));
    await expect(readBack(device, place, digest(Buffer.alloc(300, 2)))).rejects.toMatchObject({ code: 'IO_FAILED' });
  });
});
