import type { DeviceState } from '../package/device-state.js';
import { signaturesToJson } from '../trust/dsse.js';
import type { ReleaseRecord } from './boot-control.js';
import { activeRecord, contentOf } from './boot-facts.js';
import type { Device } from './device.js';
import { componentVersion } from './release-record.js';

/**
 * What a device tells about itself, for policy to judge a package by: its confirmed set, whatever is on trial.
 *
 * @throws OtaError DEVICE_STATE_LOST where its trust root is
 */
export async function deviceStateOf(device: Device): Promise<DeviceState> {
  const { identity, layout } = device;
  const control = device.control.current;
  const root = await device.trustRoot();
  const running = activeRecord(control);
  const components = Object.entries(layout.components).map(([component, { slotBytes }]) => {
    const { sha256 } = contentOf(control, component, control.active.slots[component]!)!;
    return [component, { version: componentVersion(running, component), sha256, slotBytes }];
  });
  return {
    spec: 'ota-fleet-device/1',
    product: identity.product,
    model: identity.model,
    hardwareRevision: identity.hardwareRevision,
    components: Object.fromEntries(components),
    running: { ...idOf(running), rollback: running.rollback, releaseKeyids: running.releaseKeyids },
    history: control.releases.filter(({ digest }) => digest !== running.digest).map(idOf),
    securityCounter: control.securityCounter,
    timeFloor: control.timeFloor,
    memoryBytes: identity.memoryBytes,
    // A package that has arrived takes its place in here and needs no other; one that it replaces makes room.
    freeBytes: layout.storageBytes,
    trustRoot: { signed: root.signed, signatures: signaturesToJson(root.signatures) },
  };
}

function idOf({ digest, version, sequence }: ReleaseRecord): { digest: string; version: string; sequence: number } {
  return { digest, version, sequence };
}
