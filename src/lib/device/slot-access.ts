import type { RandomAccess } from '../core/random-access.js';
import type { DeviceFs } from './device-fs.js';
import type { Layout } from './layout.js';

/** `<component>.<slot>.image` */
export function slotImageFile(component: string, slot: string): string {
  return `${component}.${slot}.image`;
}

/** `<component>.<slot>.metadata.json`: of the release whose image is in the slot, exact bytes. */
export function slotMetadataFile(component: string, slot: string): string {
  return `${component}.${slot}.metadata.json`;
}

/** `<component>.<slot>.signature.json`: exact bytes. */
export function slotSignatureFile(component: string, slot: string): string {
  return `${component}.${slot}.signature.json`;
}

/**
 * The first bytes of a slot, whatever they are. What was never written reads as erased.
 *
 * @param size bytes: of the image, or of the slot
 */
export function slotAccess(
  { machine: { fs }, layout }: { machine: { fs: DeviceFs }; layout: Pick<Layout, 'erasedValue'> },
  component: string,
  slot: string,
  size: number,
): RandomAccess {
  const file = slotImageFile(component, slot);
  return {
    name: `${component}.${slot}`,
    size,
    read: async (into, position) => {
      const wanted = into.subarray(0, Math.max(0, Math.min(into.byteLength, size - position)));
      if (wanted.byteLength === 0) return 0;
      const got = await readSlot(fs, file, wanted, position);
      wanted.fill(layout.erasedValue, got);
      return wanted.byteLength;
    },
  };
}

async function readSlot(fs: DeviceFs, file: string, into: Uint8Array, position: number): Promise<number> {
  const fileBytes = await fs.size(file);
  return fileBytes === undefined || position >= fileBytes ? 0 : await fs.read(file, into, position);
}
