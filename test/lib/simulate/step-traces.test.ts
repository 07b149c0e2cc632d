import { expect, it } from 'vitest';
import { applyChanges, diskDigest, EMPTY_STATE, type Geometry, poweredUp } from '../../../src/lib/simulate/disk.js';
import { SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';
import { StepTraces, type TracedCall } from '../../../src/lib/simulate/step-traces.js';

const geometry: Geometry = { eraseBlockBytes: 256, writeAlignmentBytes: 64, erasedValue: 0xff };

/** A disk with these files. */
function diskOf(files: Record<string, string>) {
  const changes = Object.entries(files).flatMap(([name, text], index) => [
    { kind: 'create' as const, name, inode: index + 1 },
    { kind: 'write' as const, inode: index + 1, position: 0, bytes: Buffer.from(text) },
  ]);
  return poweredUp(applyChanges(EMPTY_STATE, changes, geometry));
}

/** A program that looks at one file and writes another. */
async function program(fs: SimulatedFs): Promise<string> {
  const bytes = Buffer.alloc((await fs.size('in')) ?? 0);
  if (bytes.length > 0) await fs.read('in', bytes, 0);
  await fs.write('out', 0, Buffer.from(`got ${bytes}`));
  await fs.sync('out');
  return bytes.toString();
}

async function traced(traces: StepTraces<number, string>, files: Record<string, string>) {
  const calls: TracedCall<number>[] = [];
  const onCall = (call: Parameters<NonNullable<ConstructorParameters<typeof SimulatedFs>[1]['onCall']>>[0]) =>
    calls.push(call.kind === 'change' ? { ...call, progress: calls.length } : call);
  const fs = new SimulatedFs(diskOf(files), { geometry, onCall });
  traces.add('program', calls, await program(fs));
  return fs.disk;
}

it('repeats a step where it is told the same, and does to the disk what the step would do', async () => {
  const traces = new StepTraces<number, string>();
  await traced(traces, { in: 'one', other: 'x' });
  await traced(traces, { in: 'two', other: 'x' });
  for (const text of ['one', 'two']) {
    const files = { in: text, other: 'something else', third: 'file' };
    const fs = new SimulatedFs(diskOf(files), { geometry });
    const changes: number[] = [];
    expect(await traces.repeat('program', fs, (progress) => changes.push(progress))).toEqual({ result: text });
    expect(changes).toEqual([2, 3]);
    const ran = new SimulatedFs(diskOf(files), { geometry });
    await program(ran);
    expect(diskDigest(fs.disk)).toBe(diskDigest(ran.disk));
  }
});

it.each([
  ['other bytes', { in: 'three' }],
  ['a missing file', { other: 'x' }],
  ['a longer file', { in: 'one and more' }],
])('knows nothing of a step that meets %s', async (_, files) => {
  const traces = new StepTraces<number, string>();
  await traced(traces, { in: 'one' });
  const fs = new SimulatedFs(diskOf(files as Record<string, string>), { geometry });
  expect(await traces.repeat('program', fs, () => {})).toBeUndefined();
  expect(await traces.repeat('another', fs, () => {})).toBeUndefined();
});

it('knows nothing of a step whose change the storage refuses', async () => {
  const traces = new StepTraces<number, string>();
  const calls: TracedCall<number>[] = [];
  const erased = new SimulatedFs(diskOf({}), {
    geometry,
    onCall: (call) => calls.push(call.kind === 'change' ? { ...call, progress: 0 } : call),
  });
  await erased.write('app.a.image', 0, Buffer.alloc(64, 1));
  traces.add('write', calls, 'done');
  const fs = new SimulatedFs(diskOf({ 'app.a.image': 'x'.repeat(64) }), { geometry });
  expect(await traces.repeat('write', fs, () => {})).toBeUndefined();
});
