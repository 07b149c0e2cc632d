import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Disk,
  diskDigest,
  EMPTY_STATE,
  type Geometry,
  poweredUp,
  stateDigest,
} from '../../../src/lib/simulate/disk.js';
import { PowerCut, SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';

const geometry: Geometry = { eraseBlockBytes: 256, writeAlignmentBytes: 64, erasedValue: 0xff };

function emptyFs(options: Partial<ConstructorParameters<typeof SimulatedFs>[1]> = {}): SimulatedFs {
  return new SimulatedFs(poweredUp(EMPTY_STATE), { geometry, ...options });
}

/** What is left after a power cut that takes everything that was not synced. */
function afterCut(disk: Disk): SimulatedFs {
  return new SimulatedFs(poweredUp(disk.durable), { geometry });
}

async function contentOf(fs: SimulatedFs, name: string): Promise<string | undefined> {
  const size = await fs.size(name);
  if (size === undefined) return undefined;
  const bytes = Buffer.alloc(size);
  await fs.read(name, bytes, 0);
  return bytes.toString();
}

describe('durability', () => {
  it('keeps bytes after sync and names after syncDirectory, and neither before', async () => {
    const fs = emptyFs();
    await fs.write('a', 0, Buffer.from('one'));
    await fs.sync('a');
    expect(await afterCut(fs.disk).list()).toEqual([]);
    await fs.syncDirectory();
    expect(await contentOf(afterCut(fs.disk), 'a')).toBe('one');

    await fs.write('a', 3, Buffer.from('two'));
    await fs.syncDirectory();
    expect(await contentOf(fs, 'a')).toBe('onetwo');
    expect(await contentOf(afterCut(fs.disk), 'a')).toBe('one');
  });

  it('makes a renamed file durable under its new name with what was synced of it', async () => {
    const fs = emptyFs();
    await fs.write('a', 0, Buffer.from('old'));
    await fs.sync('a');
    await fs.syncDirectory();
    await fs.write('a.new', 0, Buffer.from('new'));
    await fs.rename('a.new', 'a');
    expect(await contentOf(afterCut(fs.disk), 'a')).toBe('old');
    await fs.syncDirectory();
    expect(await contentOf(afterCut(fs.disk), 'a')).toBe('');
    await fs.sync('a');
    expect(await contentOf(afterCut(fs.disk), 'a')).toBe('new');
  });

  it('never writes what a failed sync has dropped, though it can still be read', async () => {
    const fs = emptyFs({ fault: { operation: 1, fault: 'io-error' } });
    await fs.write('a', 0, Buffer.from('lost'));
    await expect(fs.sync('a')).rejects.toMatchObject({ code: 'IO_FAILED' });
    await fs.sync('a');
    await fs.syncDirectory();
    expect(await contentOf(fs, 'a')).toBe('lost');
    expect(await contentOf(afterCut(fs.disk), 'a')).toBe('');
  });

  it('lets nothing last after the power is gone', async () => {
    const fs = emptyFs({ cutAt: 2 });
    await fs.write('a', 0, Buffer.from('one'));
    await fs.sync('a');
    await expect(fs.syncDirectory()).rejects.toBeInstanceOf(PowerCut);
    const left = diskDigest(fs.disk);
    for (const call of [
      () => fs.remove('a'),
      () => fs.syncDirectory(),
      () => fs.write('b', 0, Buffer.from('x')),
      () => fs.list(),
      () => fs.size('a'),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(PowerCut);
    }
    expect(diskDigest(fs.disk)).toBe(left);
  });
});

describe('disk faults', () => {
  it('writes a part before it runs out of space', async () => {
    const fs = emptyFs({ fault: { operation: 0, fault: 'short-write' } });
    await expect(fs.write('a', 0, Buffer.alloc(300, 'a'))).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(await fs.size('a')).toBe(128);
    await fs.write('a', 128, Buffer.alloc(1));
  });

  it('stays read-only, and fails once with an i/o error', async () => {
    const readOnly = emptyFs({ fault: { operation: 1, fault: 'read-only' } });
    await readOnly.write('a', 0, Buffer.from('x'));
    await expect(readOnly.sync('a')).rejects.toMatchObject({ code: 'IO_FAILED' });
    await expect(readOnly.remove('a')).rejects.toMatchObject({ code: 'IO_FAILED' });
    const once = emptyFs({ fault: { operation: 0, fault: 'io-error' } });
    await expect(once.write('a', 0, Buffer.from('x'))).rejects.toMatchObject({ code: 'IO_FAILED' });
    await once.write('a', 0, Buffer.from('x'));
  });
});

describe('flash', () => {
  it('takes writes on erased bytes and at alignment only', async () => {
    const fs = emptyFs();
    await fs.write('app.a.image', 0, Buffer.alloc(64));
    await expect(fs.write('app.a.image', 0, Buffer.alloc(64, 1))).rejects.toThrow('not erased');
    await expect(fs.write('app.a.image', 64, Buffer.alloc(3))).rejects.toThrow('multiples of 64');
    await fs.write('app.a.image', 64, Buffer.alloc(448));
    await expect(fs.erase('app.a.image', 64, 256)).rejects.toThrow('multiples of 256');
    await fs.erase('app.a.image', 0, 256);
    await fs.write('app.a.image', 0, Buffer.alloc(64, 1));
  });
});

const name = fc.constantFrom('a', 'b', 'c');
const call = fc.oneof(
  fc.tuple(fc.constant('write' as const), name, fc.nat(700), fc.uint8Array({ minLength: 1, maxLength: 600 })),
  fc.tuple(fc.constant('erase' as const), name, fc.nat(2), fc.integer({ min: 1, max: 3 })),
  fc.tuple(fc.constant('truncate' as const), name, fc.nat(900)),
  fc.tuple(fc.constant('rename' as const), name, name),
  fc.tuple(fc.constant('remove' as const), name),
  fc.tuple(fc.constant('sync' as const), name),
  fc.tuple(fc.constant('syncDirectory' as const)),
);

it('reads as plain buffers do, and a forked disk stays as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const fs = emptyFs();
      const model = new Map<string, Buffer>();
      for (const [kind, ...rest] of calls) {
        const fork = fs.disk;
        const digest = diskDigest(fork);
        const [file = '', first, second] = rest as [string?, (number | string)?, (Uint8Array | number)?];
        const old = model.get(file) ?? Buffer.alloc(0);
        if (kind === 'write') {
          const position = Math.min(first as number, old.length);
          const bytes = second as Uint8Array;
          await fs.write(file, position, bytes);
          const grown = Buffer.concat([old, Buffer.alloc(Math.max(0, position + bytes.length - old.length))]);
          grown.set(bytes, position);
          model.set(file, grown);
        } else if (kind === 'erase') {
          const position = Math.min((first as number) * 256, old.length - (old.length % 256));
          const length = (second as number) * 256;
          await fs.erase(file, position, length);
          const grown = Buffer.concat([old, Buffer.alloc(Math.max(0, position + length - old.length))]);
          model.set(file, grown.fill(0xff, position, position + length));
        } else if (kind === 'syncDirectory') {
          await fs.syncDirectory();
        } else if (model.has(file)) {
          if (kind === 'truncate') {
            const size = first as number;
            await fs.truncate(file, size);
            model.set(file, Buffer.concat([old, Buffer.alloc(Math.max(0, size - old.length), 0xff)]).subarray(0, size));
          } else if (kind === 'rename') {
            await fs.rename(file, first as string);
            model.delete(file);
            model.set(first as string, old);
          } else if (kind === 'remove') {
            await fs.remove(file);
            model.delete(file);
          } else await fs.sync(file);
        }
        expect(diskDigest(fork)).toBe(digest);
        expect(await fs.list()).toEqual([...model.keys()].sort());
        for (const [each, bytes] of model) {
          expect(await fs.size(each)).toBe(bytes.length);
          const got = Buffer.alloc(bytes.length + 5);
          expect(await fs.read(each, got, 0)).toBe(bytes.length);
          expect(got.subarray(0, bytes.length).equals(bytes)).toBe(true);
        }
      }
      for (const file of model.keys()) await fs.sync(file);
      await fs.syncDirectory();
      expect(stateDigest(fs.disk.durable)).toBe(stateDigest(fs.disk.view));
    }),
  );
});
