import lessThan from 'semver/functions/lt.js';
import satisfies from 'semver/functions/satisfies.js';
import { type ErrorCode, OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import type { DeviceState } from './device-state.js';
import { type Metadata, targetsOf } from './metadata.js';
import type { SelectedPayload } from './select-payloads.js';

/** What policy looks at, beside metadata whose signatures were checked. */
export interface PolicyInput {
  /** What to call the package in refusals. */
  name: string;
  /** SHA-256 of the metadata bytes. */
  digest: string;
  /** Names of the payloads that the container holds. */
  contained: ReadonlySet<string>;
  /** Wall-clock time; judged together with the device's time floor. */
  now: Date;
  /** `rollback` is an explicit request to return to a release that ran before. */
  intent?: 'install' | 'rollback';
  noFullFallback?: boolean;
  /** Key ids that may sign releases of this product now. Absent: not known. */
  trustedKeyids?: ReadonlySet<string>;
}

/** One question that policy asks, with its answer. */
export interface PolicyCheck {
  name:
    | 'product'
    | 'model'
    | 'hardware'
    | 'sequence'
    | 'security counter'
    | 'expiry'
    | 'base'
    | 'resources'
    | 'dependencies';
  /** What was compared, for people. */
  detail: string;
  /** Why the package is refused; empty where the check passed. */
  failures: OtaError[];
}

/** The later of the clock and the device's time floor: a clock that is set back brings nothing back to life. */
export function timeOf(now: Date, { timeFloor }: Pick<DeviceState, 'timeFloor'> = {}): Date {
  return new Date(Math.max(now.getTime(), timeFloor === undefined ? 0 : Date.parse(timeFloor)));
}

/**
 * Expiry alone, for where no device is known.
 *
 * @param timeFloor a clock set back below this does not bring an expired package back to life
 */
export function checkExpiry(
  { expiresAt }: Metadata,
  { timeFloor }: Pick<DeviceState, 'timeFloor'>,
  { name, now, intent }: Pick<PolicyInput, 'name' | 'now' | 'intent'>,
): PolicyCheck {
  const time = timeOf(now, { timeFloor });
  const detail = expiresAt === undefined ? 'never expires' : `expires at ${expiresAt}, judged at ${time.toISOString()}`;
  const expired = intent !== 'rollback' && expiresAt !== undefined && time.getTime() >= Date.parse(expiresAt);
  return check(
    'expiry',
    detail,
    expired,
    'PACKAGE_EXPIRED',
    `${name}: expired at ${expiresAt}, it is ${time.toISOString()}`,
    ['Pack and sign the release again with a later --expires.'],
  );
}

export function checkProduct({ product }: Metadata, device: DeviceState, { name }: PolicyInput): PolicyCheck {
  const detail = `package ${product}, device ${device.product}`;
  return check(
    'product',
    detail,
    product !== device.product,
    'PRODUCT_MISMATCH',
    `${name}: is for product ${product}, the device is a ${device.product}`,
  );
}

export function checkModel(
  { compatible: { models } }: Metadata,
  { model }: DeviceState,
  { name }: PolicyInput,
): PolicyCheck {
  const listed = models.map(escapeText).join(', ');
  const detail = `package ${listed}, device ${escapeText(model)}`;
  return check(
    'model',
    detail,
    !models.includes(model),
    'MODEL_INCOMPATIBLE',
    `${name}: is for model ${listed}, the device is a ${escapeText(model)}`,
  );
}

export function checkHardware(
  { compatible: { hardwareRevisions } }: Metadata,
  { hardwareRevision }: DeviceState,
  { name }: PolicyInput,
): PolicyCheck {
  const got = hardwareRevision === undefined ? 'unknown' : escapeText(hardwareRevision);
  const listed = hardwareRevisions?.map(escapeText).join(', ') ?? 'any';
  const refused = hardwareRevisions !== undefined && !hardwareRevisions.includes(hardwareRevision ?? '');
  return check(
    'hardware',
    `package ${listed}, device ${got}`,
    refused,
    'HARDWARE_INCOMPATIBLE',
    `${name}: is for hardware revision ${listed}, that of the device is ${got}`,
  );
}

/** TUF 5.5.5: rollback. Judged by what runs, so that a release that was reverted can be offered again. */
export function checkSequence({ sequence }: Metadata, { running }: DeviceState, input: PolicyInput): PolicyCheck {
  if (running === undefined)
    return { name: 'sequence', detail: `package ${sequence}, device runs no release`, failures: [] };
  const detail = `package ${sequence}, running ${running.sequence}`;
  if (floorsLapsed(running, input))
    return { name: 'sequence', detail: `${detail}, whose release keys are all retired`, failures: [] };
  if (sequence === running.sequence) {
    const message = `${input.name}: sequence ${sequence} is the one that runs, under another digest: got ${input.digest}, running ${running.digest}`;
    return check('sequence', detail, running.digest !== input.digest, 'SEQUENCE_CONFLICT', message, [
      'Give each release of a product its own --sequence.',
    ]);
  }
  return check(
    'sequence',
    detail,
    sequence < running.sequence,
    'SEQUENCE_ROLLBACK',
    `${input.name}: sequence ${sequence} is older than ${running.sequence}, which runs`,
    ['To go back on purpose, ask the device for a rollback to a release it ran before.'],
  );
}

export function checkRollback(
  { version }: Metadata,
  { running, history }: DeviceState,
  { name, digest }: PolicyInput,
): PolicyCheck {
  const detail = `explicit rollback to ${version}`;
  const refuse = (message: string): PolicyCheck => check('sequence', detail, true, 'ROLLBACK_FORBIDDEN', message);
  if (!history.some((release) => release.digest === digest)) {
    return refuse(`${name}: the device never ran this release ${version}: its history does not hold ${digest}`);
  }
  if (running?.rollback?.allowed !== true)
    return refuse(
      `${name}: the running release ${escapeText(running?.version ?? 'of the device')} does not allow a rollback`,
    );
  const { minVersion } = running.rollback;
  if (minVersion !== undefined && lessThan(version, minVersion)) {
    return refuse(
      `${name}: the running release allows a rollback to ${minVersion} or later, the package is ${version}`,
    );
  }
  return { name: 'sequence', detail, failures: [] };
}

export function checkCounter({ securityCounter }: Metadata, device: DeviceState, input: PolicyInput): PolicyCheck {
  const stored = device.securityCounter;
  const detail = `package ${securityCounter}, stored ${stored}`;
  if (floorsLapsed(device.running, input))
    return { name: 'security counter', detail: `${detail} under release keys that are all retired`, failures: [] };
  return check(
    'security counter',
    detail,
    securityCounter < stored,
    'COUNTER_ROLLBACK',
    `${input.name}: security counter ${securityCounter} is below ${stored}, which the device has stored`,
    ['Pack the release with a --security-counter that is at least the stored one.'],
  );
}

/**
 * TUF 5.3.11: recovery from a fast-forward attack. Whoever set sequence and counter to their maximum
 * is out of the root by now. The floors lapse only when everybody has left who could sign at that
 * time, not merely those who did sign what runs: an older package by one who stayed still verifies,
 * and the floors are what keeps it out.
 */
export function floorsLapsed(
  running: DeviceState['running'],
  { trustedKeyids }: Pick<PolicyInput, 'trustedKeyids'>,
): boolean {
  const before = running?.releaseKeyids ?? [];
  return trustedKeyids !== undefined && before.length > 0 && before.every((keyid) => !trustedKeyids.has(keyid));
}

/** Never a property that every object has, such as `constructor`, which is also a valid name of a component. */
function componentOf({ components }: DeviceState, name: string): DeviceState['components'][string] | undefined {
  return Object.hasOwn(components, name) ? components[name] : undefined;
}

export function checkResources(selected: SelectedPayload[], device: DeviceState, { name }: PolicyInput): PolicyCheck {
  const failures: OtaError[] = [];
  const exceeds = (what: string, needed: number, available: number | undefined): void => {
    if (available === undefined || needed <= available) return;
    failures.push(
      new OtaError('DOES_NOT_FIT', `${name}: needs ${needed} bytes of ${what}, the device has ${available}`),
    );
  };
  for (const { entry } of selected) {
    exceeds(`slot for ${entry.component}`, entry.target.size, componentOf(device, entry.component)?.slotBytes);
  }
  const memory = Math.max(0, ...selected.map(({ entry }) => entry.applyMemoryBytes));
  const storage = selected.reduce((sum, { entry }) => sum + entry.storageBytes, 0);
  exceeds('memory', memory, device.memoryBytes);
  exceeds('free storage', storage, device.freeBytes);
  return { name: 'resources', detail: `${memory} bytes of memory, ${storage} bytes of storage`, failures };
}

/** Dependencies are judged on the device as it would be after the update. */
export function checkDependencies(metadata: Metadata, device: DeviceState, { name }: PolicyInput): PolicyCheck {
  const targets = targetsOf(metadata);
  const failures = (metadata.dependsOn ?? []).flatMap(({ component, range }) => {
    const version = targets.get(component)?.version ?? componentOf(device, component)?.version;
    if (version !== undefined && satisfies(version, range, { includePrerelease: true })) return [];
    const got = version === undefined ? 'the device does not tell it' : `it would be ${escapeText(version)}`;
    return [new OtaError('DEPENDENCY_UNMET', `${name}: component ${component} must be ${range}, ${got}`)];
  });
  const unknown = [...targets.keys()].filter((component) => componentOf(device, component) === undefined);
  failures.push(
    ...unknown.map(
      (component) =>
        new OtaError('COMPONENT_MISSING', `${name}: brings component ${component}, which the device does not have`),
    ),
  );
  return { name: 'dependencies', detail: `${metadata.dependsOn?.length ?? 0} required`, failures };
}

function check(
  name: PolicyCheck['name'],
  detail: string,
  refused: boolean,
  code: ErrorCode,
  message: string,
  suggestions: string[] = [],
): PolicyCheck {
  return { name, detail, failures: refused ? [new OtaError(code, message, suggestions)] : [] };
}
