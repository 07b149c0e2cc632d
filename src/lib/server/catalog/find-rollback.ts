import { refOf } from '../../catalog/release.js';
import { rollbackTarget } from '../../catalog/rollback-target.js';
import { escapeText } from '../../core/text.js';
import type { RollbackAnswer } from '../../wire/catalog.js';
import type { Queryable } from '../database/database.js';
import { notFound, ServerFailure } from '../http/server-failure.js';
import { catalogueRules } from './catalogue-rules.js';
import { deviceState } from './device-standing.js';
import { requireStanding } from './find-path.js';
import { knownDevice } from './known-device.js';
import { releasesOf } from './stored-release.js';

/**
 * What a device would go back to if it were asked now, by what it tells and what the server has seen.
 *
 * @throws ServerFailure 404: there is no such device, or nothing is known of what it runs
 */
export async function findRollback(
  db: Queryable,
  controllerId: string,
  { tenantId, now }: { tenantId: number; now: number },
): Promise<RollbackAnswer> {
  const device = await knownDevice(db, tenantId, controllerId);
  const product = device.told.product ?? device.installedProduct;
  if (product === undefined) {
    throw new ServerFailure(404, 'NOT_FOUND', `${escapeText(controllerId)} does not tell of which product it is`, {
      suggestions: ['Let it tell `product` in its attributes (docs/device-attributes.md).'],
    });
  }
  const releases = await releasesOf(db, tenantId, product);
  const standing = requireStanding(device, releases);
  const { running } = standing;
  if (running === undefined) throw notFound(`release with the images that ${escapeText(controllerId)} runs`);
  const rules = await catalogueRules(db, { tenantId, product, now }, releases);
  const state = deviceState(device, standing, {
    running,
    releases,
    ...(rules.trustedKeyids && { releaseKeyids: rules.trustedKeyids }),
  });
  const { told, recorded } = device;
  const { target, certain, candidates } = rollbackTarget({
    ...{ device: state, releases, rules, recorded },
    ...(told.spares && { slots: told.spares }),
  });
  return {
    device: controllerId,
    product,
    running: refOf(running),
    assumed: standing.assumed,
    target: target?.release.digest ?? null,
    certain,
    candidates,
  };
}
