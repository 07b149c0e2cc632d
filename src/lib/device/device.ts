import { OtaError } from '../core/errors.js';
import { sha256Hex } from '../core/sha256.js';
import { parseTrustRoot, ROOT_MAX_BYTES, type TrustRoot } from '../trust/root.js';
import { BootControlStore } from './boot-control-file.js';
import { DEVICE_FILE, DEVICE_FILE_MAX_BYTES, type DeviceIdentity, parseDeviceFile } from './device-file.js';
import { completeEventLog } from './event-log.js';
import type { Layout } from './layout.js';
import type { Machine } from './machine.js';
import { readWhole } from './whole-file.js';

/** A device whose state was read and found sound. */
export interface Device {
  readonly machine: Machine;
  /** What a person would call it: the path of its folder. */
  readonly name: string;
  readonly identity: DeviceIdentity;
  readonly layout: Layout;
  readonly control: BootControlStore;
  /** The trust root that holds. @throws OtaError DEVICE_STATE_LOST */
  trustRoot(): Promise<TrustRoot>;
}

/**
 * Reads what a device is and the state it is in. Changes nothing.
 *
 * @param name what to call it in errors
 * @throws OtaError DEVICE_STATE_LOST (a part is missing or damaged), DEVICE_STATE_ROLLED_BACK (older than the monotonic
 *   counter knows); as `DeviceFs`
 */
export async function openDevice(machine: Machine, name: string): Promise<Device> {
  const { fs } = machine;
  const raw = await readWhole(fs, DEVICE_FILE, DEVICE_FILE_MAX_BYTES, 'device file');
  if (raw === undefined) throw lost(`${name}: ${DEVICE_FILE} is missing`);
  const { identity, layout } = parseDeviceFile(raw, DEVICE_FILE);
  const control = await BootControlStore.open(fs, layout, name);
  const device: Device = { machine, name, identity, layout, control, trustRoot: () => readTrustRoot(machine, control) };
  await requireFreshState(device);
  return device;
}

/**
 * Completes what the last commit may have left undone: the line in the event log, the raise of the monotonic counter.
 * Whoever is about to change the device does this first. Repeatable.
 *
 * @throws OtaError as `DeviceFs` and `MonotonicCounter`
 */
export async function settleDevice({ machine: { fs, counter }, control: { current } }: Device): Promise<void> {
  if (counter !== undefined && (await counter.read()) < current.epoch) await counter.raise(current.epoch);
  await completeEventLog(fs, current);
}

/** `trust-root.N.json`. */
export function trustRootFile(version: number): string {
  return `trust-root.${version}.json`;
}

async function readTrustRoot({ fs }: Machine, { current }: BootControlStore): Promise<TrustRoot> {
  const { version, sha256 } = current.trustRoot;
  const file = trustRootFile(version);
  const bytes = await readWhole(fs, file, ROOT_MAX_BYTES, 'trust root');
  if (bytes === undefined) throw lost(`${file}: is missing, the boot control block refers to it`);
  const got = sha256Hex(bytes);
  if (got !== sha256) throw lost(`${file}: SHA-256 is ${got}, the boot control block says ${sha256}`);
  const root = lastRoot?.sha256 === sha256 ? lastRoot.root : parseTrustRoot(bytes, file);
  if (root.signed.version !== version) throw lost(`${file}: is version ${root.signed.version}, expected ${version}`);
  lastRoot = { sha256, root };
  return root;
}

/** Enrolling keys takes milliseconds, which thousands of simulated devices with one root would pay again and again. */
let lastRoot: { sha256: string; root: TrustRoot } | undefined;

/** Old files that somebody put back look sound by themselves: only what lies outside of them can tell. */
async function requireFreshState({ name, identity, machine, control }: Device): Promise<void> {
  if (machine.counter === undefined) {
    if (identity.monotonicCounter === undefined) return;
    throw lost(`${name}: has a monotonic counter, ${identity.monotonicCounter}, which is not connected`);
  }
  const counted = await machine.counter.read();
  const { epoch } = control.current;
  // One ahead: the power was cut between the commit and the raise.
  if (epoch === counted || epoch === counted + 1) return;
  throw new OtaError(
    'DEVICE_STATE_ROLLED_BACK',
    `${name}: its state is of epoch ${epoch}, the monotonic counter says ${counted}`,
    ['Older files were put back, or the counter is of another device: set the device up again with `ota device init`.'],
  );
}

function lost(message: string): OtaError {
  return new OtaError('DEVICE_STATE_LOST', message, ['Set the device up again with `ota device init`.']);
}
