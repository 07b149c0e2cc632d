import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import { type BootReport, bootDevice } from '../../../src/lib/device/boot.js';
import { BOOT_CONTROL_FILES } from '../../../src/lib/device/boot-control-file.js';
import { openDevice } from '../../../src/lib/device/device.js';
import { initDevice } from '../../../src/lib/device/init.js';
import { installPackage } from '../../../src/lib/device/install.js';
import type { Machine } from '../../../src/lib/device/machine.js';
import { openForDevice } from '../../../src/lib/device/package-for-device.js';
import { SwapJournal } from '../../../src/lib/device/swap-journal.js';
import { type CrashState, crashStates } from '../../../src/lib/simulate/crash-states.js';
import { type DiskState, EMPTY_STATE, poweredUp } from '../../../src/lib/simulate/disk.js';
import { Garbage } from '../../../src/lib/simulate/garbage.js';
import type { RecordedOperation } from '../../../src/lib/simulate/operation.js';
import { PowerCut, SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';
import { deviceClock, initSpec } from '../../support/device.js';
import { release } from '../../support/device-life.js';

const layout = {
  eraseBlockBytes: 64,
  writeAlignmentBytes: 16,
  erasedValue: 255,
  components: { modem: { slots: ['main'], slotBytes: 320 } },
  bootAttempts: 3,
  confirmTimeoutSeconds: 600,
};
const name = 'the device';
/** Of different sizes, with a block that is the same in both and one that is erased. */
const old = Buffer.concat([randomBytes(64), Buffer.alloc(64, 7), randomBytes(40)]);
const fresh = Buffer.concat([randomBytes(64), Buffer.alloc(64, 7), Buffer.alloc(64, 255), randomBytes(20)]);

const machineOf = (fs: SimulatedFs): Machine => ({ fs, clock: deviceClock });
const diskOf = (state: DiskState, options: { cutAt?: number; onOperation?: (each: RecordedOperation) => void } = {}) =>
  new SimulatedFs(poweredUp(state), { geometry: layout, ...options });

let installed: DiskState;
beforeAll(async () => {
  const fs = diskOf(EMPTY_STATE);
  const machine = machineOf(fs);
  const factory = { images: new Map([['modem', memoryAccess(old, 'old.bin')]]), version: '1.0.0', sequence: 1 };
  await initDevice(machine, await initSpec({ layout, factory }));
  const source = memoryAccess(await release(2, { modem: fresh }), 'new.ota');
  await installPackage(machine, { name, package: await openForDevice(machine, name, source) });
  installed = fs.disk.view;
});

async function bytesOf(fs: SimulatedFs, file: string, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  await fs.read(file, bytes, 0);
  return bytes;
}

/** Every state in which a cut may leave a boot that starts from this one. */
async function cutBoots(state: DiskState): Promise<{ where: string; state: DiskState }[]> {
  const operations: RecordedOperation[] = [];
  await bootDevice(machineOf(diskOf(state, { onOperation: (each) => operations.push(each) })), { name });
  const garbage = new Garbage(1);
  return operations.flatMap((operation, index) =>
    [...crashStates(operation, layout, garbage)].filter(isWorthWhile(operation)).map((crash) => ({
      where: `${index} ${operation.kind} ${operation.file} ${crash.model}`,
      state: crash.state,
    })),
  );
}

/** Commits of the boot control block are tested by themselves. */
function isWorthWhile({ file }: RecordedOperation): (crash: CrashState) => boolean {
  return file.startsWith('modem.') ? () => true : ({ model }) => model === 'before' || model === 'after';
}

async function bootFrom(state: DiskState): Promise<{ report: BootReport; fs: SimulatedFs }> {
  const fs = diskOf(state);
  return { report: await bootDevice(machineOf(fs), { name }), fs };
}

async function expectExchanged(fs: SimulatedFs, where: string): Promise<void> {
  expect((await bytesOf(fs, 'modem.main.image', fresh.length)).equals(fresh), where).toBe(true);
  expect((await bytesOf(fs, 'modem.staging.image', old.length)).equals(old), where).toBe(true);
}

describe('exchanging the images of a component with one slot', () => {
  it('comes to its end from every state that a power cut may leave', async () => {
    const states = await cutBoots(installed);
    expect(states.length).toBeGreaterThan(200);
    for (const { where, state } of states) {
      const { report, fs } = await bootFrom(state);
      expect(report.booted, where).toMatchObject({ version: '2.0.0', onTrial: true });
      await expectExchanged(fs, where);
    }
  }, 30_000);

  it('also where the copy of the boot control block that tells of it is lost', async () => {
    let lost = 0;
    for (const { where, state } of await cutBoots(installed)) {
      const fs = diskOf(state);
      const { copies, current } = (await openDevice(machineOf(fs), name)).control;
      if (copies.some(({ problem }) => problem !== undefined) || current.event.type === 'activated') continue;
      const newest = BOOT_CONTROL_FILES[current.sequence % 2]!;
      await fs.erase(newest, 0, 64);
      const booted = await bootFrom(fs.disk.view);
      expect(booted.report.booted, where).toMatchObject({ version: '2.0.0', onTrial: true });
      await expectExchanged(booted.fs, where);
      lost++;
    }
    expect(lost).toBeGreaterThan(100);
  }, 30_000);

  it('comes to its end however often it is cut', async () => {
    for (const every of [1, 2, 3, 5, 7, 11]) {
      let state = installed;
      for (let cuts = 0; ; cuts++) {
        expect(cuts, 'a boot that makes no progress').toBeLessThan(500);
        const operations: RecordedOperation[] = [];
        const fs = diskOf(state, { cutAt: 4 + every, onOperation: (each) => operations.push(each) });
        try {
          const { booted } = await bootDevice(machineOf(fs), { name });
          expect(booted.version).toBe('2.0.0');
          await expectExchanged(fs, `cut at every operation ${every}`);
          break;
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
          const states = [...crashStates(operations.at(-1)!, layout, new Garbage(cuts))];
          state = states[cuts % states.length]!.state;
        }
      }
    }
  }, 30_000);
});

describe('the journal of an exchange', () => {
  it('stays as large as it is, however many steps it is told of', async () => {
    const fs = diskOf(installed);
    const flash = { machine: machineOf(fs), layout };
    const size = await fs.size('modem.swap');
    const journal = await SwapJournal.open(flash, 'modem', 7);
    for (let block = 0; block < 100; block++) await journal.add({ block, step: 2 });
    expect((await SwapJournal.open(flash, 'modem', 7)).progress).toEqual({ block: 99, step: 2 });
    expect((await SwapJournal.open(flash, 'modem', 8)).progress).toBeUndefined();
    expect(await fs.size('modem.swap')).toBe(size);
  });

  it('never forgets the last step, when it is torn again and again', async () => {
    const fs = diskOf(installed);
    const flash = { machine: machineOf(fs), layout };
    let state = installed;
    let expected = { block: 0, step: 1 as 1 | 2 | 3 };
    const journal = await SwapJournal.open(flash, 'modem', 99);
    expect(journal.progress).toBeUndefined();
    for (let round = 0; round < 70; round++) {
      const operations: RecordedOperation[] = [];
      const now = diskOf(state, { onOperation: (each) => operations.push(each) });
      const opened = await SwapJournal.open({ machine: machineOf(now), layout }, 'modem', 99);
      if (round > 0) expect(opened.progress).toEqual(expected);
      const before = expected;
      expected =
        expected.step === 3
          ? { block: expected.block + 1, step: 1 }
          : { block: before.block, step: (before.step + 1) as 2 | 3 };
      await opened.add(expected);
      for (const operation of operations) {
        for (const { state: cut, model } of crashStates(operation, layout, new Garbage(round))) {
          const found = await SwapJournal.open({ machine: machineOf(diskOf(cut)), layout }, 'modem', 99);
          const allowed = round === 0 ? [undefined, expected] : [before, expected];
          expect(allowed, model).toContainEqual(found.progress);
        }
      }
      state = now.disk.view;
    }
  }, 30_000);
});
