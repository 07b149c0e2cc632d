import { formatFiql } from '../../query/format-fiql.js';
import { toHawkbitFilter } from '../../query/hawkbit-filter.js';
import { parseFiql } from '../../query/parse-fiql.js';
import { targetAnswer } from '../../wire/management-answers.js';
import type { DriverSoftware, FleetDevice } from '../driver.js';
import type { HawkbitServer } from './hawkbit-server.js';
import { pagesOf, targetNames } from './pages.js';
import { listSets } from './software.js';

/**
 * Devices, with the software they have. hawkBit tells that of each device alone, and of each set all devices that have it:
 * so it is asked for by set. What devices tell about themselves it tells of each alone, and it is left out.
 *
 * @param where FIQL; empty: all
 */
export async function* hawkbitDevices(
  { client, pacing }: HawkbitServer,
  where: string,
  signal?: AbortSignal,
): AsyncGenerator<FleetDevice[]> {
  const installed = new Map<string, DriverSoftware>();
  const assigned = new Map<string, DriverSoftware>();
  const all = where.trim() === '' ? undefined : inFieldsOfHawkbit(where, pacing.now().getTime());
  const pending = all === undefined ? PENDING : `(${all});${PENDING}`;
  for (const set of await listSets(client, signal)) {
    const path = `/rest/v1/distributionsets/${set.id}`;
    for await (const names of targetNames(client, `${path}/installedTargets`, { q: all, signal })) {
      for (const name of names) installed.set(name, set);
    }
    for await (const names of targetNames(client, `${path}/assignedTargets`, { q: pending, signal })) {
      for (const name of names) assigned.set(name, set);
    }
  }
  const query = { q: all, sort: 'controllerId:ASC', signal, keyOf: nameOf };
  for await (const page of pagesOf(client, '/rest/v1/targets', targetAnswer, query)) {
    yield page.map(({ controllerId: id, group, lastControllerRequestAt, pollStatus }) => {
      const has = installed.get(id) ?? null;
      const gets = assigned.get(id) ?? null;
      return {
        ...{ id, group: group ?? null, tags: [], attributes: {}, metadata: {}, installed: has },
        assigned: gets?.id === has?.id ? null : gets,
        online: pollStatus?.overdue == null ? null : !pollStatus.overdue,
        lastSeenAt: lastControllerRequestAt ?? null,
      };
    });
  }
}

/** @throws OtaError USAGE: hawkBit cannot say it */
function inFieldsOfHawkbit(where: string, nowMs: number): string {
  return formatFiql(toHawkbitFilter(parseFiql(where), nowMs));
}

const PENDING = 'updateStatus==PENDING';

function nameOf({ controllerId }: { controllerId: string }): string {
  return controllerId;
}
