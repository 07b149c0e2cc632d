import { applyToDevice } from '../../src/cli/apply-to-device.js';
import { changeDevice } from '../../src/cli/change-device.js';
import { bootDevice, type FirmwareBehaviour } from '../../src/lib/device/boot.js';
import { confirmTrial } from '../../src/lib/device/confirm.js';
import type { Machine } from '../../src/lib/device/machine.js';
import { rollbackDevice } from '../../src/lib/device/rollback.js';
import type { DeviceStates, ReleaseName } from './device-states.js';

/** A command on a device that is in some state. */
export interface Scenario {
  name: string;
  /** Of `DeviceStates.copy`. */
  from: string;
  args(device: string, source: PackageSource): string[];
  /** The same, in this process. */
  call(device: string, source: PackageSource): Promise<unknown>;
  /** What may boot after a fault. */
  boots: readonly ReleaseName[];
  /** What boots next once it has claimed success. A boot does not promise that the next one is like it. */
  claims?: ReleaseName;
  /** What boots when everything ends well. */
  ends: ReleaseName;
  /** How it may end when it is run again. */
  repeats: readonly number[];
}

type PackageSource = Pick<DeviceStates, 'file' | 'address'>;
type Expected = Pick<Scenario, 'boots' | 'claims' | 'ends'> & Partial<Pick<Scenario, 'repeats'>>;

const UPDATED = { boots: ['old', 'new'], claims: 'new', ends: 'new' } as const satisfies Expected;
const ROLLED_BACK = { boots: ['old', 'new'], claims: 'old', ends: 'old' } as const satisfies Expected;
const { signal } = new AbortController();

export const SCENARIOS: Scenario[] = [
  apply('apply', 'pair.factory', 'file'),
  apply('apply from an address', 'pair.factory', 'address'),
  apply('apply to a single slot', 'single.factory', 'file'),
  boot('boot', 'pair.installed', 'good', { boots: ['old', 'new'], ends: 'new' }),
  boot('boot with an exchange of images', 'single.installed', 'good', { boots: ['old', 'new'], ends: 'new' }),
  boot('boot that hangs', 'pair.installed', 'hangs', { boots: ['old', 'new'], ends: 'old' }),
  boot('boot that goes back', 'single.failed', 'good', { boots: ['old'], ends: 'old' }),
  // Run again after it was confirmed, it finds nothing on trial.
  change('confirm', 'pair.booted', ['confirm'], confirmTrial, { ...UPDATED, boots: ['new'], repeats: [0, 5] }),
  change('rollback', 'pair.confirmed', ['rollback'], rollbackDevice, ROLLED_BACK),
  change('rollback to a single slot', 'single.confirmed', ['rollback'], rollbackDevice, ROLLED_BACK),
];

function apply(name: string, from: string, source: keyof PackageSource): Scenario {
  return {
    name,
    from,
    args: (device, sources) => ['apply', sources[source], '--device', device],
    call: (device, sources) =>
      applyToDevice(sources[source], device, {
        noFullFallback: false,
        allowTestKeys: false,
        dryRun: false,
        input: { stdin: process.stdin, http: {}, signal },
        onBytes: () => {},
      }),
    repeats: [0],
    ...UPDATED,
  };
}

function boot(name: string, from: string, behaviour: FirmwareBehaviour, expected: Expected): Scenario {
  const words = behaviour === 'hangs' ? ['boot', '--hang'] : ['boot'];
  const work = (machine: Machine, request: { name: string }) =>
    bootDevice(machine, { ...request, behaviourOf: () => behaviour });
  return change(name, from, words, work, expected);
}

function change(
  name: string,
  from: string,
  words: string[],
  work: (machine: Machine, request: { name: string }) => Promise<unknown>,
  expected: Expected,
): Scenario {
  return {
    name,
    from,
    args: (device) => ['device', ...words, device],
    call: (device) => changeDevice(device, { dryRun: false, signal }, (machine) => work(machine, { name: device })),
    repeats: [0],
    ...expected,
  };
}
