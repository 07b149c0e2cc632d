import { describe, expect, it } from 'vitest';
import { crashStates } from '../../../src/lib/simulate/crash-states.js';
import { type DiskState, EMPTY_STATE, type Geometry, poweredUp, stateDigest } from '../../../src/lib/simulate/disk.js';
import { Garbage } from '../../../src/lib/simulate/garbage.js';
import type { RecordedOperation } from '../../../src/lib/simulate/operation.js';
import { SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';

const geometry: Geometry = { eraseBlockBytes: 256, writeAlignmentBytes: 64, erasedValue: 0xff };
const garbage = new Garbage(1);

/** Files by name, what a power cut in the last operation may leave, by model. */
async function statesOfLast(work: (fs: SimulatedFs) => Promise<void>): Promise<Map<string, Record<string, Buffer>>> {
  const operations: RecordedOperation[] = [];
  const fs = new SimulatedFs(poweredUp(EMPTY_STATE), { geometry, onOperation: (each) => operations.push(each) });
  await work(fs);
  const states = [...crashStates(operations.at(-1)!, geometry, garbage)];
  expect(new Set(states.map(({ model }) => model)).size, 'each model names one state').toBe(states.length);
  return new Map(states.map(({ model, state }) => [model, filesOf(state)]));
}

function filesOf({ names, contents }: DiskState): Record<string, Buffer> {
  return Object.fromEntries(
    [...names].map(([name, inode]) => [name, Buffer.from(contents.get(inode)?.slice(0, 1e6) ?? [])]),
  );
}

/** A file of three erase blocks, durable. */
async function flashFile(fs: SimulatedFs): Promise<void> {
  await fs.write('app.a.image', 0, Buffer.alloc(768, 'o'));
  await fs.sync('app.a.image');
  await fs.syncDirectory();
}

describe('a cut in a write', () => {
  it('leaves each aligned prefix, with the rest as it was or undefined', async () => {
    const states = await statesOfLast(async (fs) => {
      await fs.write('f', 0, Buffer.alloc(256, 'o'));
      await fs.sync('f');
      await fs.syncDirectory();
      await fs.write('f', 0, Buffer.alloc(256, 'n'));
    });
    const torn = [...states.keys()].filter((model) => model.startsWith('torn'));
    expect(torn).toEqual([
      'torn:64',
      'torn:64:garbage',
      'torn:128',
      'torn:128:garbage',
      'torn:192',
      'torn:192:garbage',
      'torn:0:garbage',
    ]);
    expect(states.get('torn:64')!.f!.toString()).toBe('n'.repeat(64) + 'o'.repeat(192));
    const half = states.get('torn:128:garbage')!.f!;
    expect(half.subarray(0, 128).toString()).toBe('n'.repeat(128));
    expect(half.subarray(128).equals(garbage.at(128, 128))).toBe(true);
    expect(states.get('before')!.f!.toString()).toBe('o'.repeat(256));
    expect(states.get('after')!.f!.toString()).toBe('n'.repeat(256));
    expect(states.get('after-lost')!.f!.toString()).toBe('o'.repeat(256));
  });

  it('leaves prefixes at aligned positions of the file, not of the write', async () => {
    const states = await statesOfLast(async (fs) => {
      await fs.write('f', 0, Buffer.alloc(50, 'o'));
      await fs.sync('f');
      await fs.syncDirectory();
      await fs.write('f', 50, Buffer.alloc(100, 'n'));
    });
    expect([...states].filter(([model]) => /^torn:\d+$/.test(model)).map(([, files]) => files.f!.length)).toEqual([
      64, 128,
    ]);
  });

  it('keeps pending writes out of order: each alone, and all but each', async () => {
    const states = await statesOfLast(async (fs) => {
      await flashFile(fs);
      await fs.erase('app.a.image', 0, 768);
      await fs.write('app.a.image', 0, Buffer.alloc(256, 'n'));
      await fs.write('app.a.image', 256, Buffer.alloc(256, 'm'));
    });
    const text = (model: string) =>
      states
        .get(model)!
        ['app.a.image']!.toString('latin1')
        .replace(/(.)\1{255}/g, '$1');
    expect(text('after')).toBe('nm\xff');
    expect(text('after-only:1')).toBe('noo');
    expect(text('after-without:0')).toBe('nmo');
    expect(text('after-without:1')).toBe('\xffm\xff');
    expect(text('before-lost')).toBe('ooo');
  });
});

describe('a cut after writes that were not synced', () => {
  it('leaves each of them in part, with garbage for the rest', async () => {
    const states = await statesOfLast(async (fs) => {
      await fs.write('f', 0, Buffer.alloc(256, 'o'));
      await fs.write('f', 256, Buffer.alloc(256, 'n'));
    });
    const [first, second] = ['after-torn:0', 'after-torn:1'].map((model) => states.get(model)!.f!);
    const halfOf = (position: number) => Buffer.from(garbage.at(position + 128, 128));
    expect(first).toEqual(Buffer.concat([Buffer.alloc(128, 'o'), halfOf(0), Buffer.alloc(256, 'n')]));
    expect(second).toEqual(Buffer.concat([Buffer.alloc(256, 'o'), Buffer.alloc(128, 'n'), halfOf(256)]));
  });

  it('leaves nothing of a write that is smaller than what storage can write', async () => {
    const states = await statesOfLast((fs) => fs.write('f', 0, Buffer.from('new')));
    expect(states.get('after-torn:0')!.f).toEqual(Buffer.from(garbage.at(0, 3)));
  });
});

describe('a cut in an erase', () => {
  it('leaves the block erased from either side', async () => {
    const states = await statesOfLast(async (fs) => {
      await flashFile(fs);
      await fs.erase('app.a.image', 256, 256);
    });
    const block = (model: string) => states.get(model)!['app.a.image']!.subarray(256, 512).toString('latin1');
    expect(block('erased-front:64')).toBe('\xff'.repeat(64) + 'o'.repeat(192));
    expect(block('erased-back:192')).toBe('o'.repeat(64) + '\xff'.repeat(192));
    expect(states.get('garbage')!['app.a.image']!.subarray(256, 512).equals(garbage.at(256, 256))).toBe(true);
    for (const files of states.values()) {
      expect(files['app.a.image']!.subarray(0, 256).toString()).toBe('o'.repeat(256));
    }
  });
});

describe('a cut between names and data', () => {
  it('leaves a new name with the old bytes, the old name with the new ones, and nothing out of order', async () => {
    const states = await statesOfLast(async (fs) => {
      await fs.write('f', 0, Buffer.from('old'));
      await fs.sync('f');
      await fs.syncDirectory();
      await fs.write('f.new', 0, Buffer.from('new'));
      await fs.rename('f.new', 'f');
    });
    expect(filesText(states.get('names-only')!)).toEqual({ f: '' });
    expect(filesText(states.get('data-only')!)).toEqual({ f: 'old' });
    expect(filesText(states.get('names:1')!)).toEqual({ f: 'old', 'f.new': 'new' });
    expect(filesText(states.get('names-only:1')!)).toEqual({ f: 'old', 'f.new': '' });
  });

  it('leaves one state only where everything was synced', async () => {
    const states = await statesOfLast(async (fs) => {
      await fs.write('f', 0, Buffer.from('new'));
      await fs.sync('f');
      await fs.syncDirectory();
      await fs.syncDirectory();
    });
    expect([...states.keys()]).toEqual(['before', 'after']);
  });
});

it('gives equal bytes one digest, whatever led to them', async () => {
  const once = new SimulatedFs(poweredUp(EMPTY_STATE), { geometry });
  await once.write('f', 0, Buffer.alloc(600, 'a'));
  const twice = new SimulatedFs(poweredUp(EMPTY_STATE), { geometry });
  await twice.write('g', 0, Buffer.alloc(10, 'b'));
  await twice.write('g.new', 0, Buffer.alloc(700, 'a'));
  await twice.truncate('g.new', 600);
  await twice.rename('g.new', 'f');
  await twice.remove('g');
  expect(stateDigest(twice.disk.view)).toBe(stateDigest(once.disk.view));
  await twice.write('f', 599, Buffer.from('b'));
  expect(stateDigest(twice.disk.view)).not.toBe(stateDigest(once.disk.view));
});

function filesText(files: Record<string, Buffer>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, bytes.toString()]));
}
