import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { RandomAccess } from '../../../src/lib/core/random-access.js';
import { PackageSpool } from '../../../src/lib/device/package-spool.js';
import { receiveFrom } from '../../../src/lib/device/receive.js';
import { crashStates } from '../../../src/lib/simulate/crash-states.js';
import { type DiskState, EMPTY_STATE, poweredUp } from '../../../src/lib/simulate/disk.js';
import { Garbage } from '../../../src/lib/simulate/garbage.js';
import type { RecordedOperation } from '../../../src/lib/simulate/operation.js';
import { SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';

const GEOMETRY = { eraseBlockBytes: 65_536, writeAlignmentBytes: 16_384, erasedValue: 0xff };
// The second one is recorded as a whole before the third has sent as much: a record that outlives its data would show.
const packages = { v1: noise('v1', 700_000), v2: noise('v2', 100_000), v3: noise('v3', 600_000) };
type Name = keyof typeof packages;

function noise(seed: string, size: number): Buffer {
  const blocks = Array.from({ length: size / 32 }, (_, block) => hash('sha256', `${seed} ${block}`, 'buffer'));
  return Buffer.concat(blocks);
}

function accessTo(name: Name): RandomAccess {
  return memoryAccess(packages[name], name);
}

async function bytesOf(data: RandomAccess): Promise<Buffer> {
  const bytes = Buffer.alloc(data.size);
  await data.read(bytes, 0);
  return bytes;
}

/** One package arrives, others take its place, the last one is removed after use: every operation of it. */
async function recordedLife(): Promise<RecordedOperation[]> {
  const operations: RecordedOperation[] = [];
  const onOperation = (operation: RecordedOperation) => operations.push(operation);
  const fs = new SimulatedFs(poweredUp(EMPTY_STATE), { geometry: GEOMETRY, onOperation });
  await receiveFrom({ fs }, accessTo('v1'));
  await receiveFrom({ fs }, accessTo('v2'));
  const { discard } = await receiveFrom({ fs }, accessTo('v3'));
  await discard();
  return operations;
}

/** What is kept must be the beginning of the package it is said to be of, and the whole must still arrive. */
async function expectSound(state: DiskState, where: string): Promise<number> {
  const fs = new SimulatedFs(poweredUp(state), { geometry: GEOMETRY });
  const spool = await PackageSpool.open(fs, { maxBytes: 1e6 });
  const kept = spool.size;
  if (spool.known !== undefined) {
    const whole = packages[spool.known.source as Name];
    expect((await bytesOf(spool.access())).equals(whole.subarray(0, kept)), where).toBe(true);
  }
  const { data } = await receiveFrom({ fs }, accessTo('v3'));
  expect((await bytesOf(data)).equals(packages.v3), where).toBe(true);
  return kept;
}

test('whatever a power cut leaves is the beginning of the package it is said to be of', async () => {
  const operations = await recordedLife();
  const garbage = new Garbage(7);
  const kept = new Set<number>();
  let states = 0;
  for (const [index, operation] of operations.entries()) {
    for (const { model, state } of crashStates(operation, GEOMETRY, garbage)) {
      kept.add(await expectSound(state, `${index} ${operation.kind} ${operation.file} ${model}`));
      states++;
    }
  }
  expect(states).toBeGreaterThan(300);
  // Every record counts at some cut: none, those of 256 KiB, each whole.
  expect([...kept].sort((a, b) => a - b)).toEqual([0, 100_000, 262_144, 524_288, 600_000, 700_000]);
});
