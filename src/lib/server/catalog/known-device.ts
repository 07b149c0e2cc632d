import type { ImagesBefore } from '../../catalog/return-images.js';
import { factsTold, type ToldFacts } from '../../package/device-attributes.js';
import type { Queryable } from '../database/database.js';
import { notFound } from '../http/server-failure.js';

/** What a server knows of a device that may be updated or go back. */
export interface KnownDevice {
  readonly controllerId: string;
  readonly told: ToldFacts;
  /** Digest of the release that the server has seen installed last. */
  readonly installed: string | undefined;
  /** The product of that release. */
  readonly installedProduct: string | undefined;
  /** Digests of releases that it ran: of updates that finished, and those that it told of. */
  readonly ran: ReadonlySet<string>;
  /** The images that it told of while it ran a release, by its digest. */
  readonly recorded: ImagesBefore;
}

/** @throws ServerFailure 404: the tenant has no such device */
export async function knownDevice(db: Queryable, tenantId: number, controllerId: string): Promise<KnownDevice> {
  const device = await db
    .selectFrom('device')
    .leftJoin('release', 'release.set_id', 'device.installed_set_id')
    .select(['device.id', 'release.digest', 'release.product'])
    .where('device.tenant_id', '=', tenantId)
    .where('controller_id', '=', controllerId)
    .executeTakeFirst();
  if (device === undefined) throw notFound('device of this name');
  const attributes = await db
    .selectFrom('device_attribute')
    .select(['name', 'value'])
    .where('device_id', '=', device.id)
    .execute();
  const finished = await db
    .selectFrom('action')
    .innerJoin('release', 'release.set_id', 'action.set_id')
    .select('digest')
    .distinct()
    .where('device_id', '=', device.id)
    .where('status', '=', 'finished')
    .execute();
  const seen = await db
    .selectFrom('device_release')
    .select(['digest', 'images'])
    .where('device_id', '=', device.id)
    .execute();
  return {
    controllerId,
    told: factsTold(new Map(attributes.map(({ name, value }) => [name, value]))),
    installed: device.digest ?? undefined,
    installedProduct: device.product ?? undefined,
    ran: new Set([...finished, ...seen].map(({ digest }) => digest)),
    recorded: new Map(seen.map(({ digest, images }) => [digest, JSON.parse(images) as Record<string, string>])),
  };
}
