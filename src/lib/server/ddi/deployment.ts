import type { DdiDeployment } from '../../wire/ddi.js';
import { isWindowOpen } from '../actions/maintenance-window.js';
import type { OfferedFile } from '../artifacts/offer.js';
import type { SetOffer } from '../artifacts/offers-for.js';
import type { DeviceAction } from './device-action.js';

/** hawkBit's devices know applications by this name. */
const PARTS: Readonly<Record<string, string>> = { application: 'bApp' };

/** What a device is to download and to install, and how urgently. @param base address of the device's resources */
export function deploymentOf(
  action: DeviceAction,
  offer: SetOffer,
  { base, now }: { base: string; now: number },
): DdiDeployment {
  const { type, forcedAt } = action;
  const isForced = type === 'forced' || type === 'downloadonly' || (type === 'timeforced' && now >= (forcedAt ?? 0));
  const download = isForced ? 'forced' : 'attempt';
  const window = maintenanceOf(action, now);
  return {
    download,
    update: type === 'downloadonly' || window === 'unavailable' ? 'skip' : download,
    ...(window && { maintenanceWindow: window }),
    chunks: offer.modules.map(({ module, files }) => ({
      part: PARTS[module.type] ?? module.type,
      name: module.name,
      version: module.version,
      artifacts: files.map((file) => artifactOf(file, `${base}/softwaremodules/${module.id}/artifacts`)),
    })),
  };
}

function maintenanceOf(action: DeviceAction, now: number): DdiDeployment['maintenanceWindow'] {
  const { maintenanceSchedule: schedule, maintenanceDuration: duration, maintenanceTimeZone: timezone } = action;
  if (schedule === null || duration === null || timezone === null) return undefined;
  return isWindowOpen({ schedule, duration, timezone }, now) ? 'available' : 'unavailable';
}

/** @param folder address of the module's artifacts */
export function artifactOf({ filename, size, md5, sha1, sha256 }: OfferedFile, folder: string) {
  const href = `${folder}/${encodeURIComponent(filename)}`;
  const suffix = href.startsWith('https:') ? '' : '-http';
  return {
    filename,
    size,
    hashes: { sha1, md5, sha256 },
    _links: { [`download${suffix}`]: { href }, [`md5sum${suffix}`]: { href: `${href}.MD5SUM` } },
  };
}
