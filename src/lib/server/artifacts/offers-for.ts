import { reportedImage } from '../actions/reported-image.js';
import type { Queryable } from '../database/database.js';
import { type Cut, chooseCut, type KnownImages, type OfferedFile } from './offer.js';

/** What a device is to get of one software module. */
export interface ModuleOffer {
  readonly module: { readonly id: number; readonly type: string; readonly name: string; readonly version: string };
  readonly files: readonly OfferedFile[];
}

export interface SetOffer {
  readonly modules: readonly ModuleOffer[];
  /** What was chosen and why, a sentence each. */
  readonly messages: readonly string[];
  /** Why the device cannot be served; then nothing should be offered. */
  readonly failure: string | undefined;
}

/**
 * Which files of a distribution set a device is offered, by the images that it reports, else by those that the server
 * knows it installed.
 */
export async function offerFor(
  db: Queryable,
  { tenantId, deviceId, setId }: { tenantId: number; deviceId: number; setId: number },
): Promise<SetOffer> {
  const modules = await db
    .selectFrom('distribution_set_module')
    .innerJoin('software_module', 'software_module.id', 'distribution_set_module.module_id')
    .select(['software_module.id', 'type_key as type', 'name', 'version'])
    .where('set_id', '=', setId)
    .where('software_module.tenant_id', '=', tenantId)
    .orderBy('software_module.id')
    .execute();
  const artifacts = await artifactsOf(
    db,
    modules.map(({ id }) => id),
  );
  const images = await imagesOf(db, deviceId);
  const messages: string[] = [];
  let failure: string | undefined;
  const offers = modules.map((module): ModuleOffer => {
    const files: OfferedFile[] = [];
    for (const { cuts, ...artifact } of artifacts.filter(({ moduleId }) => moduleId === module.id)) {
      const offer =
        cuts.length === 0 ? { file: artifact, message: undefined } : chooseCut(artifact.filename, cuts, images);
      if (offer.message !== undefined) messages.push(offer.message);
      if (offer.file === undefined) failure ??= offer.message;
      else files.push(fileOf(offer.file));
    }
    return { module, files };
  });
  return { modules: offers, messages, failure };
}

interface ArtifactFile extends OfferedFile {
  readonly moduleId: number;
  readonly cuts: readonly Cut[];
}

async function artifactsOf(db: Queryable, moduleIds: readonly number[]): Promise<ArtifactFile[]> {
  if (moduleIds.length === 0) return [];
  const digests = ['filename', 'size', 'md5', 'sha1', 'sha256'] as const;
  const artifacts = await db
    .selectFrom('artifact')
    .select(['id', 'module_id', ...digests])
    .where('module_id', 'in', moduleIds)
    .orderBy('id')
    .execute();
  if (artifacts.length === 0) return [];
  const cuts = await db
    .selectFrom('artifact_cut')
    .select(['artifact_id', 'label', 'bases', ...digests])
    .where(
      'artifact_id',
      'in',
      artifacts.map(({ id }) => id),
    )
    .orderBy('id')
    .execute();
  return artifacts.map(({ id, module_id, ...file }) => ({
    ...file,
    moduleId: module_id,
    cuts: cuts
      .filter(({ artifact_id }) => artifact_id === id)
      .map(({ artifact_id: _, bases, ...cut }) => ({ ...cut, bases: JSON.parse(bases) })),
  }));
}

async function imagesOf(db: Queryable, deviceId: number): Promise<KnownImages> {
  const images = new Map<string, { sha256: string; isReported: boolean }>();
  const installed = await db
    .selectFrom('device')
    .innerJoin('distribution_set_module', 'distribution_set_module.set_id', 'device.installed_set_id')
    .innerJoin('artifact', 'artifact.module_id', 'distribution_set_module.module_id')
    .select('targets')
    .where('device.id', '=', deviceId)
    .execute();
  for (const { targets } of installed) {
    for (const [component, sha256] of Object.entries(JSON.parse(targets ?? '{}') as Record<string, string>)) {
      images.set(component, { sha256, isReported: false });
    }
  }
  const [before = '', after = ''] = reportedImage('*').split('*');
  const reported = await db
    .selectFrom('device_attribute')
    .select(['name', 'value'])
    .where('device_id', '=', deviceId)
    .where('name', 'like', `${before}%${after}`)
    .execute();
  for (const { name, value } of reported) {
    images.set(name.slice(before.length, name.length - after.length), {
      sha256: value.toLowerCase(),
      isReported: true,
    });
  }
  return images;
}

function fileOf({ filename, size, md5, sha1, sha256 }: OfferedFile): OfferedFile {
  return { filename, size, md5, sha1, sha256 };
}
