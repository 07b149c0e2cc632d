import type { TenantSettings } from '../access/tenant-settings.js';
import type { DeviceRow } from '../devices/device-page.js';
import { pollTimes } from '../devices/fiql-condition.js';
import { type LinkMaker, pathPart } from './links.js';

export interface TargetBodyOptions {
  readonly link: LinkMaker;
  readonly settings: TenantSettings;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Only in the answer that made or changed it. */
  readonly securityToken?: string | undefined;
}

/** A device as hawkBit writes a target. */
export function targetBody(device: DeviceRow, { link, settings, now, securityToken }: TargetBodyOptions): object {
  const path = `/targets/${pathPart(device.controller_id)}`;
  return {
    createdBy: device.created_by,
    createdAt: device.created_at,
    lastModifiedBy: device.updated_by,
    lastModifiedAt: device.updated_at,
    controllerId: device.controller_id,
    name: device.name,
    ...(device.description !== null && { description: device.description }),
    ...(device.group_name !== null && { group: device.group_name }),
    updateStatus: device.update_status,
    ...(device.last_seen_at !== null && { lastControllerRequestAt: device.last_seen_at }),
    ...(device.installed_at !== null && { installedAt: device.installed_at }),
    ...addressOf(device),
    ...(device.last_poll_at !== null && { pollStatus: pollStatus(device.last_poll_at, settings, now) }),
    ...(securityToken !== undefined && { securityToken }),
    requestAttributes: device.wants_attributes === 1,
    ...(settings['user.confirmation.flow.enabled'] && { autoConfirmActive: device.is_auto_confirmed === 1 }),
    _links: { self: link(path) },
  };
}

/** The same with links to what belongs to it. */
export function targetDetails(device: DeviceRow, options: TargetBodyOptions): object {
  const { link } = options;
  const path = `/targets/${pathPart(device.controller_id)}`;
  return {
    ...targetBody(device, options),
    _links: {
      self: link(path),
      assignedDS: link(`${path}/assignedDS`),
      installedDS: link(`${path}/installedDS`),
      attributes: link(`${path}/attributes`),
      actions: link(`${path}/actions?offset=0&limit=50&sort=id:DESC`),
      metadata: link(`${path}/metadata`),
      autoConfirm: link(`${path}/autoConfirm`),
    },
  };
}

function addressOf({ address }: DeviceRow): object {
  if (address === null) return {};
  const host = URL.canParse(address) ? new URL(address).hostname : address;
  return { address, ipAddress: host };
}

function pollStatus(lastRequestAt: number, settings: TenantSettings, now: number): object {
  const { pollMs, overdueMs } = pollTimes(settings);
  return {
    lastRequestAt,
    nextExpectedRequestAt: lastRequestAt + pollMs,
    overdue: now > lastRequestAt + overdueMs,
  };
}
