import type { DeviceState } from '../package/device-state.js';
import { type Device, openDevice } from './device.js';
import { deviceStateOf } from './device-state-of.js';
import type { Machine } from './machine.js';
import { writeWhole } from './whole-file.js';

/** Snapshots that a device keeps. */
const MAX_SNAPSHOTS = 16;
const FILE = /^snapshot\.([1-9][0-9]{0,14})\.json$/;

/** What a device told about itself at one moment: `--device` of the other commands takes it. */
export interface Snapshot {
  /** Name in the device's folder. */
  file: string;
  state: DeviceState & { /** RFC 3339. */ takenAt: string; reason: string };
}

export interface SnapshotRequest {
  /** What to call the device in errors. */
  name: string;
  /** For people: `before-rollback`, or what somebody typed. */
  reason: string;
}

/**
 * Keeps the state of a device as a file of its own. The newest sixteen stay.
 *
 * @throws OtaError as `openDevice`, `deviceStateOf` and `DeviceFs`
 */
export async function takeSnapshot(machine: Machine, { name, reason }: SnapshotRequest): Promise<Snapshot> {
  return await snapshotOf(await openDevice(machine, name), reason);
}

/** As {@link takeSnapshot}, of an opened device. */
export async function snapshotOf(device: Device, reason: string): Promise<Snapshot> {
  const {
    machine: { fs, clock },
  } = device;
  const numbers = (await fs.list()).flatMap((file) => Number(FILE.exec(file)?.[1] ?? [])).sort((a, b) => a - b);
  const state = { ...(await deviceStateOf(device)), takenAt: clock.now().toISOString(), reason };
  const file = snapshotFile((numbers.at(-1) ?? 0) + 1);
  await writeWhole(fs, file, Buffer.from(`${JSON.stringify(state, null, 2)}\n`));
  for (const number of numbers.slice(0, Math.max(0, numbers.length + 1 - MAX_SNAPSHOTS))) {
    await fs.remove(snapshotFile(number));
  }
  return { file, state };
}

/** `snapshot.<n>.json` */
function snapshotFile(number: number): string {
  return `snapshot.${number}.json`;
}
