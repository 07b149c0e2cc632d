import fc from 'fast-check';
import { expect } from 'vitest';
import { bindFilter } from '../../../../src/lib/query/bind-filter.js';
import { DEVICE_FIELDS } from '../../../../src/lib/query/device-fields.js';
import { compare, type Filter, OPERATORS, present } from '../../../../src/lib/query/filter.js';
import { type FieldValue, matchesFilter } from '../../../../src/lib/query/match-filter.js';
import { versionOrderKey } from '../../../../src/lib/query/version-order.js';
import { escapeWildcards } from '../../../../src/lib/query/wildcard.js';
import { createTenant } from '../../../../src/lib/server/access/create-tenant.js';
import type { Database } from '../../../../src/lib/server/database/database.js';
import { deviceFilterSql } from '../../../../src/lib/server/database/filter-sql.js';
import { createDevices } from '../../../../src/lib/server/devices/create-devices.js';

export const NOW = 1_700_000_000_000;
export const TIMES = { nowMs: NOW, overdueMs: NOW - 60_000 };

/** Texts that differ little, in what databases treat in their own ways. */
const PIECES = ['a', 'A', 'b', 'é', 'É', '%', '_', '\\', '*', "'", ' ', '9', '\u{10ffff}', '😀', 'x'.repeat(63)];
const someText = fc.array(fc.constantFrom(...PIECES), { maxLength: 4 }).map((pieces) => pieces.join(''));
const someTime = fc.constantFrom(NOW - 3_600_000, NOW - 60_000, NOW - 1, NOW);
const SETS = [
  { name: 'app', version: '1.0.0' },
  { name: 'App', version: '1.10.0' },
  { name: 'app_b', version: '1.2.0-rc.1' },
  { name: 'b%', version: 'nightly' },
  { name: 'b', version: '1.2.0' },
];
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const someDevice = fc.record({
  name: someText,
  description: maybe(someText),
  address: maybe(someText),
  group: maybe(someText),
  status: fc.constantFrom('unknown', 'registered', 'pending', 'in_sync', 'error'),
  seenAt: maybe(someTime),
  isOnline: fc.boolean(),
  assigned: maybe(fc.nat(SETS.length - 1)),
  installed: maybe(fc.nat(SETS.length - 1)),
  tags: fc.uniqueArray(fc.constantFrom('a', 'A', 'canary', 'b_'), { maxLength: 3 }),
  attributes: fc.dictionary(fc.constantFrom('k', 'K', 'k.l'), someText),
  metadata: fc.dictionary(fc.constantFrom('k', 'site'), someText),
});
type SomeDevice = typeof someDevice extends fc.Arbitrary<infer T> ? T : never;

const textFields = [
  'controllerId',
  'name',
  'description',
  'address',
  'group',
  'createdBy',
  'lastModifiedBy',
  'targetType.key',
  'assignedDistributionSet.name',
  'installedDistributionSet.version',
  'tags.name',
  'metadata.k',
  'metadata.site',
  'controllerAttributes.k',
  'controllerAttributes.K',
  'controllerAttributes.k.l',
];
const pattern = fc.array(fc.oneof(someText.map(escapeWildcards), fc.constantFrom('*', 'app', 'device-1', 'canary')), {
  minLength: 1,
  maxLength: 4,
});
const someVersion = fc.constantFrom('1.0.0', '1.2', '1.2.0-rc.1', '1.9.9', '1.10.0', '2.0.0');

const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...textFields), fc.constantFrom(...OPERATORS), pattern, pattern)
    .map(([field, operator, one, other]) =>
      operator === '=in=' || operator === '=out='
        ? compare(field, operator, one.join(''), other.join(''))
        : compare(field, operator, one.join('')),
    ),
  fc
    .tuple(fc.constantFrom('lastTargetQuery', 'createdAt', 'lastModifiedAt'), fc.constantFrom(...OPERATORS), someTime)
    .chain(([field, operator, time]) =>
      fc.constantFrom(String(time), `${time}.5`, `\${OVERDUE_TS}`).map((value) => compare(field, operator, value)),
    ),
  fc
    .tuple(fc.constantFrom('assignedVersion', 'installedVersion'), fc.constantFrom(...OPERATORS), someVersion)
    .map(([field, operator, version]) => compare(field, operator, version)),
  fc
    .tuple(fc.constantFrom('==', '!=', '=in=', '=out=' as const), fc.constantFrom('pending', 'ERROR', 'In_Sync'))
    .map(([operator, word]) => compare('updateStatus', operator as '==', word)),
  fc.boolean().map((online) => compare('online', '==', String(online))),
  fc
    .tuple(
      fc.constantFrom(...textFields, 'lastTargetQuery', 'installedVersion', 'updateStatus', 'online'),
      fc.boolean(),
    )
    .map(([field, isPresent]) => present(field, isPresent)),
);

/** Trees of every field, operator and kind of value. */
export const someDeviceFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom('and' as const, 'or' as const), tie('filter'), tie('filter'))
      .map(([kind, first, second]) => ({ kind, filters: [first, second] as const })),
  ),
})).filter;

/** Fills a database with devices that `seed` chooses. @returns what is known of each, by its controllerId */
export async function seedDevices(
  database: Database,
  seed: number,
): Promise<{ tenantId: number; devices: Map<string, SomeDevice> }> {
  const sampled = fc.sample(someDevice, { numRuns: 60, seed });
  const devices = new Map(sampled.map((device, index) => [`Device-${index}`, device]));
  const tenantId = await database.transaction(async (tx) => {
    const id = await createTenant(tx, `T${seed}`, NOW);
    const other = await createTenant(tx, `U${seed}`, NOW);
    // The same names in another tenant: what is taken from there shows.
    for (const tenant of [id, other]) await fill(tx as never, tenant, devices);
    return id;
  });
  return { tenantId, devices };
}

async function fill(
  tx: Parameters<Parameters<Database['transaction']>[0]>[0],
  tenantId: number,
  devices: Map<string, SomeDevice>,
) {
  const setIds: number[] = [];
  for (const { name, version } of SETS) {
    const { id } = await tx
      .insertInto('distribution_set')
      .values({
        ...{ tenant_id: tenantId, type_key: 'os', name, version, version_order: versionOrderKey(version) ?? '' },
        ...{ is_migration_required: 0, created_at: NOW, created_by: 'ann' },
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    setIds.push(id);
  }
  const { created } = await createDevices(
    tx,
    [...devices].map(([controllerId, device]) => ({ controllerId, ...device })),
    { tenantId, createdBy: 'Ann', now: NOW, existing: 'refuse' },
  );
  for (const { id, controllerId } of created) {
    const { assigned, installed, seenAt, isOnline, status } = devices.get(controllerId)!;
    await tx
      .updateTable('device')
      .set({
        update_status: status,
        last_seen_at: seenAt ?? null,
        is_online: isOnline ? 1 : 0,
        assigned_set_id: assigned === undefined ? null : setIds[assigned]!,
        installed_set_id: installed === undefined ? null : setIds[installed]!,
      })
      .where('id', '=', id)
      .execute();
  }
}

function fieldsOf(controllerId: string, device: SomeDevice): Record<string, FieldValue> {
  const set = (index: number | undefined) => (index === undefined ? undefined : SETS[index]);
  const assigned = set(device.assigned);
  const installed = set(device.installed);
  const keyed = (prefix: string, texts: Record<string, string>) =>
    Object.fromEntries(Object.entries(texts).map(([key, value]) => [`${prefix}.${key}`, value]));
  return {
    controllerId,
    name: device.name,
    description: device.description,
    address: device.address,
    group: device.group,
    updateStatus: device.status.toUpperCase(),
    lastTargetQuery: device.seenAt,
    createdAt: NOW,
    createdBy: 'Ann',
    lastModifiedAt: NOW,
    lastModifiedBy: 'Ann',
    'assignedDistributionSet.name': assigned?.name,
    'assignedDistributionSet.version': assigned?.version,
    assignedVersion: assigned?.version,
    'installedDistributionSet.name': installed?.name,
    'installedDistributionSet.version': installed?.version,
    installedVersion: installed?.version,
    'tags.name': device.tags,
    online: device.isOnline,
    ...keyed('controllerAttributes', device.attributes),
    ...keyed('metadata', device.metadata),
  };
}

/** Judges a filter in memory and by the database, and expects the same devices. */
export async function expectSameBothWays(
  database: Database,
  { tenantId, devices }: { tenantId: number; devices: Map<string, SomeDevice> },
  filter: Filter,
): Promise<void> {
  const bound = bindFilter(filter, DEVICE_FIELDS, TIMES);
  const inMemory = [...devices]
    .filter(([controllerId, device]) => {
      const fields = fieldsOf(controllerId, device);
      return matchesFilter(bound, (path) => fields[path]);
    })
    .map(([controllerId]) => controllerId);
  const rows = await database.sql
    .selectFrom('device')
    .select('controller_id')
    .where('tenant_id', '=', tenantId)
    .where(deviceFilterSql(bound, tenantId))
    .execute();
  expect(rows.map(({ controller_id }) => controller_id).sort()).toEqual(inMemory.sort());
}
