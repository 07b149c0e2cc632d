import { randomBytes } from 'node:crypto';
import type { Insertable } from 'kysely';
import type { Schema } from '../../../../src/lib/server/database/schema.js';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';
import type { TestServer } from '../server-fixture.js';

/** One object of every kind that a path can name, in one tenant. */
export interface Objects {
  readonly tenant: string;
  readonly tenantId: number;
  readonly deviceToken: string;
  readonly otherDeviceToken: string;
  readonly gatewayToken: string;
  /** What `{…}` in a path stands for: by the part of the path before it, or by its own name. */
  readonly ids: Readonly<Record<string, string>>;
}

const PASSWORD = 'correct horse battery';

export async function createObjects(server: TestServer, tenant: string, tenantId: number): Promise<Objects> {
  const { context } = server.running;
  const gatewayToken = randomBytes(16).toString('hex');
  for (const [name, value] of [
    ['authentication.gatewaytoken.key', gatewayToken],
    ['authentication.gatewaytoken.enabled', true],
  ] as const) {
    await server.call('PUT', `/api/v1/settings/${name}`, { body: { value }, tenant });
  }
  const name = `of-${tenant}`;
  const operator = await server.call('POST', '/api/v1/operators', {
    body: { name, role: 'viewer', password: PASSWORD },
    tenant,
  });
  const token = await server.call('POST', '/api/v1/tokens', { body: { name, role: 'viewer' }, tenant });
  const now = context.clock.now().getTime();
  const made = { tenant_id: tenantId, created_at: now, created_by: 'test' };
  return context.database.transaction(async (tx) => {
    const { created } = await createDevices(
      tx,
      [
        {
          controllerId: `device-${tenant}`,
          group: `group-${tenant}`,
          metadata: { key: 'x' },
          attributes: { hardware: '1' },
        },
        { controllerId: `other-${tenant}` },
      ],
      { tenantId, createdBy: 'test', now, existing: 'refuse' },
    );
    const [device, other] = [created[0]!, created[1]!];
    const insert = async <T extends keyof Schema>(table: T, row: Insertable<Schema[T]>): Promise<number> => {
      const { id } = await tx
        .insertInto(table as 'tag')
        .values(row as never)
        .returning('id')
        .executeTakeFirstOrThrow();
      return id;
    };
    const tag = await insert('tag', { ...made, name });
    await tx.insertInto('device_tag').values({ device_id: device.id, tag_id: tag, tenant_id: tenantId }).execute();
    const filter = await insert('device_filter', { ...made, name, query: 'controllerId==*' });
    const moduleType = await insert('software_module_type', {
      tenant_id: tenantId,
      key: name,
      name,
      max_assignments: 1,
    });
    const setType = await insert('distribution_set_type', {
      ...{ tenant_id: tenantId, key: name, name, mandatory_types: '["os"]', optional_types: '[]' },
    });
    const module = await insert('software_module', { ...made, type_key: 'os', name, version: '1' });
    const artifact = await insert('artifact', {
      ...{ ...made, module_id: module, filename: 'image.swu', size: 1, format: 'swu', verification: 'unverified' },
      ...{ md5: '0'.repeat(32), sha1: '0'.repeat(40), sha256: '0'.repeat(64) },
    });
    const set = await insert('distribution_set', {
      ...{ ...made, type_key: 'os', name, version: '1', version_order: '1', is_migration_required: 0 },
    });
    await tx
      .insertInto('distribution_set_module')
      .values({ set_id: set, module_id: module, tenant_id: tenantId })
      .execute();
    await tx
      .updateTable('device')
      .set({ assigned_set_id: set, installed_set_id: set })
      .where('id', '=', device.id)
      .execute();
    const digest = randomBytes(32).toString('hex');
    const metadata = { product: name, version: '1.0.0', sequence: 1, securityCounter: 0, payloads: [] };
    const record = { digest, metadata: { ...metadata, compatible: { models: ['M'] } }, artifactBytes: 1, cuts: [] };
    await insert('release', {
      ...{ ...made, set_id: set, artifact_id: artifact, product: name, version: '1.0.0', sequence: 1 },
      ...{ security_counter: 0, digest, metadata: '{}', record: JSON.stringify(record), proof: '{}' },
    });
    const rollout = await insert('rollout', {
      ...{ ...made, name, status: 'ready', set_id: set, query: 'controllerId==*', action_type: 'forced' },
      ...{ total_devices: 1, is_dynamic: 0, is_confirmation_required: 0, updated_at: now },
    });
    const group = await insert('rollout_group', {
      ...{ tenant_id: tenantId, rollout_id: rollout, position: 0, name, query: '', percentage: 100, status: 'ready' },
      ...{ success_threshold: 50, success_action: 'nextgroup', is_confirmation_required: 0, total_devices: 1 },
    });
    const action = await insert('action', {
      ...{ ...made, device_id: device.id, set_id: set, type: 'forced', status: 'running', is_active: 1 },
      ...{ rollout_id: rollout, rollout_group_id: group, updated_at: now },
    });
    const campaign = `of-${tenant.toLowerCase()}`;
    await insert('campaign', {
      ...{ ...made, name: campaign, plan: '{}', plan_digest: '0'.repeat(64), phase: 'running', viewed_at: now },
      ...{ view: JSON.stringify({ name: campaign, stages: [], phase: 'running' }), ended_at: null },
      ...{ run_by: 'test', run_operator_id: operator.body.id, run_token_id: null },
    });
    const ids = {
      campaign,
      ...{ tenant, controllerId: device.controllerId, key: 'key', group: `group-${tenant}` },
      ...{ operators: operator.body.id, tokens: token.body.id, tenants: tenantId, settings: 'pollingTime' },
      configs: 'pollingTime',
      ...{ targettags: tag, targetfilters: filter, softwaremoduletypes: moduleType, distributionsettypes: setType },
      ...{ softwaremodules: module, artifacts: artifact, distributionsets: set, digest, channel: 'beta' },
      ...{ rollouts: rollout, deploygroups: group, actions: action, actionId: action },
      ...{ moduleId: module, filename: 'image.swu' },
      ...{ product: name },
    };
    return {
      tenant,
      tenantId,
      deviceToken: device.securityToken!,
      otherDeviceToken: other.securityToken!,
      gatewayToken,
      ids: Object.fromEntries(Object.entries(ids).map(([key, id]) => [key, String(id)])),
    };
  });
}

/** Path parameters that name no object of one tenant: all may use the same settings, channels, groups and keys of metadata. */
const SHARED = new Set(['name', 'key', 'filename', 'tenantId', 'channel', 'group']);

export interface PathParameter {
  readonly name: string;
  /** Its entry in `Objects.ids`. */
  readonly kind: string;
  readonly isForeignElsewhere: boolean;
}

/** @throws Error when `Objects` has nothing for one */
export function parametersOf(path: string, objects: Objects): PathParameter[] {
  const parts = path.split('/');
  return parts.flatMap((part, index) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined) return [];
    const kind = objects.ids[name] === undefined ? parts[index - 1]! : name;
    if (objects.ids[kind] === undefined) {
      throw new Error(
        `${path}: give every-route/objects.ts something that {${name}} after ${parts[index - 1]} can stand for`,
      );
    }
    return [{ name, kind, isForeignElsewhere: !SHARED.has(name) }];
  });
}

/** The path with the objects of `own`, but those of `foreign` for the parameters named. */
export function pathTo(path: string, own: Objects, foreign?: Objects, named: readonly string[] = []): string {
  let filled = path;
  for (const { name, kind } of parametersOf(path, own)) {
    const { ids } = foreign !== undefined && named.includes(name) ? foreign : own;
    filled = filled.replace(`{${name}}`, encodeURIComponent(ids[kind]!));
  }
  return filled;
}
