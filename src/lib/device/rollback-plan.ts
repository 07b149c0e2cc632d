import { OtaError } from '../core/errors.js';
import type { AuthenticPackage } from '../package/authenticate.js';
import { packageDigest } from '../package/authenticate.js';
import { CONTAINER_LIMITS, type Container } from '../package/container.js';
import { judgeRollback } from '../package/judge-rollback.js';
import { type Metadata, parseMetadata } from '../package/metadata.js';
import { selectPayloads } from '../package/select-payloads.js';
import { containedFiles } from '../package/verify.js';
import type { ReleaseRecord } from './boot-control.js';
import { contentOf, slotWith } from './boot-facts.js';
import type { Device } from './device.js';
import { deviceStateOf } from './device-state-of.js';
import { checkPlan } from './install.js';
import { type InstallPlan, type PlannedComponent, trialOf } from './install-plan.js';
import { physicalSlots } from './layout.js';
import { authenticateFor, type OpenForDeviceOptions, type PackageForDevice } from './package-for-device.js';
import { componentVersion } from './release-record.js';
import { slotMetadataFile, slotSignatureFile } from './slot-access.js';
import { targetSlot } from './target-slots.js';
import { damageIn, damageText } from './verify-set.js';
import { readWhole } from './whole-file.js';

/** A way back to an earlier release, checked in every respect. */
export interface RollbackPlan extends InstallPlan {
  /** What says who signed it; absent for what the factory put there. */
  opened?: PackageForDevice;
}

/** The release itself: from a package, or as its slot has it. */
interface Evidence {
  metadata: Metadata;
  opened?: PackageForDevice;
}

/**
 * Decides whether and how a device can return to a release that it ran: from the slots where its images still are,
 * the rest from its package where one is given. Reads only.
 *
 * @param record  of the device's history
 * @param opened  the package of that very release, if somebody gave it
 * @throws OtaError of any code: why not
 */
export async function planRollback(
  device: Device,
  record: ReleaseRecord,
  opened: PackageForDevice | undefined,
  options: OpenForDeviceOptions,
): Promise<RollbackPlan> {
  const evidence = opened === undefined ? await evidenceInSlots(device, record, options) : fromPackage(opened);
  const components = await placesFor(device, record, opened?.pkg);
  await judge(device, record, evidence, components);
  const present = evidence.opened?.pkg.trustedKeyids;
  const { releaseKeyids: _, ...rest } = record;
  const trial = trialOf(device, evidence.metadata, {
    // Judged under the present root, it is as if it had been installed under that.
    record: { ...rest, ...(present && { releaseKeyids: [...present].sort() }) },
    slots: Object.fromEntries(components.map(({ component, slot }) => [component, slot])),
    intent: 'rollback',
  });
  const plan = { components, trial, ...(evidence.opened && { opened: evidence.opened }) };
  if (opened !== undefined) await checkPlan(device, plan, opened);
  return plan;
}

function fromPackage(opened: PackageForDevice): Evidence {
  return { metadata: opened.pkg.metadata, opened };
}

/** The exact bytes that were signed lie beside the images; signatures count only if the present root still trusts them. */
async function evidenceInSlots(
  device: Device,
  record: ReleaseRecord,
  options: OpenForDeviceOptions,
): Promise<Evidence> {
  const { fs } = device.machine;
  for (const [component, layout] of Object.entries(device.layout.components)) {
    for (const slot of physicalSlots(layout)) {
      const { metadataBytes: limit, signatureBytes: signatureLimit } = CONTAINER_LIMITS;
      const metadataBytes = await readWhole(fs, slotMetadataFile(component, slot), limit, 'metadata');
      if (metadataBytes === undefined || packageDigest(metadataBytes) !== record.digest) continue;
      const name = `release ${record.version}`;
      if (record.factory === true) return { metadata: parseMetadata(metadataBytes, name) };
      const signatureBytes = await readWhole(fs, slotSignatureFile(component, slot), signatureLimit, 'signature');
      if (signatureBytes === undefined) continue;
      const container: Container = { name, metadataBytes, signatureBytes, roots: [], payloads: [] };
      const opened = await authenticateFor(device, container, options);
      return { metadata: opened.pkg.metadata, opened };
    }
  }
  throw unavailable('its metadata is in no slot any more');
}

/** Where each image of the release is, or will be. */
async function placesFor(
  device: Device,
  record: ReleaseRecord,
  pkg: AuthenticPackage | undefined,
): Promise<PlannedComponent[]> {
  const {
    layout,
    control: { current },
  } = device;
  const payloads = pkg && payloadsOf(device, pkg);
  const planned: PlannedComponent[] = [];
  for (const [component, sha256] of Object.entries(record.images)) {
    const present = slotWith(current, component, sha256);
    const damages = present === undefined ? [] : await damageIn(device, { slots: { [component]: present } });
    if (present !== undefined && damages.length === 0) {
      const { size } = contentOf(current, component, present)!;
      const version = componentVersion(record, component);
      planned.push({ component, slot: present, target: { version, size, sha256 } });
      continue;
    }
    const payload = payloads?.find(({ entry }) => entry.component === component && entry.target.sha256 === sha256);
    if (payload === undefined) {
      throw unavailable(
        damages.length > 0 ? damageText(damages) : `its image of component ${component} is in no slot any more`,
      );
    }
    const slot = targetSlot(layout, current, { component, sha256 }, record.digest);
    planned.push({ component, slot, target: payload.entry.target, payload });
  }
  return planned;
}

function payloadsOf(device: Device, pkg: AuthenticPackage): NonNullable<PlannedComponent['payload']>[] {
  const { current } = device.control;
  const installed = Object.entries(current.active.slots).map(([component, slot]) => {
    const { sha256 } = contentOf(current, component, slot)!;
    return [component, { name: `component ${component} of the device`, sha256 }] as const;
  });
  const { selected } = selectPayloads(pkg.metadata, { contained: containedFiles(pkg), installed: new Map(installed) });
  return selected.map((choice) => {
    const { data } = pkg.payloads.find(({ entry }) => entry.file === choice.entry.file)!;
    return { ...choice, data };
  });
}

async function judge(
  device: Device,
  record: ReleaseRecord,
  { metadata, opened }: Evidence,
  components: readonly PlannedComponent[],
): Promise<void> {
  const after = new Map(components.map(({ component, target }) => [component, target]));
  const written = components.flatMap(({ payload }) => payload ?? []);
  const checks = judgeRollback(
    metadata,
    await deviceStateOf(device),
    { after, written },
    {
      name: opened?.container.name ?? `release ${record.version}`,
      digest: record.digest,
      now: opened?.now ?? device.machine.clock.now(),
      ...(opened && { trustedKeyids: opened.pkg.trustedKeyids }),
    },
  );
  const refusal = checks.flatMap(({ failures }) => failures)[0];
  if (refusal !== undefined) throw refusal;
}

function unavailable(fact: string): OtaError {
  return new OtaError('NO_ROLLBACK_TARGET', fact, ['Give its package.']);
}
