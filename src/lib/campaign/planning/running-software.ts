import type { DriverRelease, DriverSoftware, FleetDevice, FleetDriver } from '../../fleet-api/driver.js';

/** What is known of the releases of a product, and what a server can give for them. */
export interface KnownReleases {
  /** By digest. */
  readonly releases: ReadonlyMap<string, DriverRelease>;
  /**
   * What a device runs, as something that the server could give it again. What the device tells goes before what the
   * server remembers: it may have gone back by itself.
   */
  runningOf(device: Pick<FleetDevice, 'attributes' | 'installed'>): Promise<DriverSoftware | null>;
}

export async function knownReleases(
  driver: FleetDriver,
  product: string,
  signal?: AbortSignal,
): Promise<KnownReleases> {
  const listed = (await driver.releases?.(product, signal)) ?? [];
  const releases = new Map(listed.map((release) => [release.digest, release]));
  const found = new Map<string, Promise<DriverSoftware | null>>();
  const find = async (digest: string): Promise<DriverSoftware | null> => {
    const release = releases.get(digest);
    if (release === undefined) return null;
    return (await driver.findSoftware({ product, version: release.version, digest }, signal)) ?? null;
  };
  return {
    releases,
    async runningOf({ attributes, installed }) {
      const told = attributes['ota.digest'];
      if (told === undefined || !/^[0-9a-f]{64}$/.test(told) || installed?.digest === told) return installed;
      // Whoever cannot be asked about releases is believed in what is installed.
      if (driver.releases === undefined) return installed;
      const software = found.get(told) ?? find(told);
      found.set(told, software);
      return await software;
    },
  };
}
