import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';

const packages = join(import.meta.dirname, '../../node_modules');

/** Two successive published images of a real hub's firmware, 102 kB (movehub) or 296 kB (primehub). */
export async function realFirmware(hub: 'movehub' | 'primehub'): Promise<{ old: Uint8Array; new: Uint8Array }> {
  const image = async (release: string) => {
    const zip = unzipSync(await readFile(join(packages, `pybricks-firmware-${release}/build/${hub}.zip`)));
    return zip['firmware-base.bin']!;
  };
  return { old: await image('v7.27'), new: await image('v7.28') };
}

/** Writes both as `old.bin` and `new.bin`. */
export async function writeRealFirmware(folder: string, hub: 'movehub' | 'primehub'): Promise<void> {
  const images = await realFirmware(hub);
  await writeFile(join(folder, 'old.bin'), images.old);
  await writeFile(join(folder, 'new.bin'), images.new);
}
