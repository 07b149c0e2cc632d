import { OtaError } from '../core/errors.js';
import type { AuthenticPackage } from '../package/authenticate.js';
import type { DeviceState } from '../package/device-state.js';
import { type SelectedPayload, selectPayloads } from '../package/select-payloads.js';
import { containedFiles } from '../package/verify.js';
import { type Installed, imagesOf } from './installed.js';

/**
 * How a device with two slots for each component returns to a release, as `planRollback` of device/ has it: every
 * component becomes what it was then, from the slot where that image still is, else from the package.
 *
 * @returns of a release that it never ran, what the package brings: policy refuses it
 * @throws OtaError NO_ROLLBACK_TARGET: an image is in no slot any more, and the package does not bring it
 */
export function wayBack(
  { components, spares, releases }: Installed,
  pkg: AuthenticPackage,
): { after: DeviceState['components']; written: SelectedPayload[] } {
  const then = releases.get(pkg.digest);
  if (then === undefined) return { after: imagesOf(pkg), written: [] };
  const installed = Object.entries(components).map(([name, { sha256 }]) => {
    return [name, { name: `component ${name} of the device`, sha256 }] as const;
  });
  const { selected } = selectPayloads(pkg.metadata, { contained: containedFiles(pkg), installed: new Map(installed) });
  const written = Object.entries(then).flatMap(([name, { sha256 }]) => {
    if (components[name]?.sha256 === sha256 || spares.get(name) === sha256) return [];
    const payload = selected.find(({ entry }) => entry.component === name && entry.target.sha256 === sha256);
    if (payload !== undefined) return [payload];
    throw new OtaError('NO_ROLLBACK_TARGET', `its image of component ${name} is in no slot any more`, [
      'Give its package.',
    ]);
  });
  return { after: then, written };
}
