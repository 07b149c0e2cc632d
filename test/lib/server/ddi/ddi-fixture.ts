import { checkSchema } from '../../../../src/lib/core/schema.js';
import { type Assignment, assignSet } from '../../../../src/lib/server/actions/assign-set.js';
import { ddiPoll } from '../../../../src/lib/wire/ddi.js';
import { type Fleet, tokenOf } from '../actions/software-fixture.js';
import type { CallResult, TestServer } from '../server-fixture.js';

/** A device that talks to the server as real ones do. */
export interface TestDevice {
  readonly id: number;
  /** @param path below the device's resources, or an absolute link */
  call(
    method: string,
    path?: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<CallResult>;
  /** The links of its poll by name, without the address of the device: `deploymentBase/7`. */
  poll(): Promise<Record<string, string>>;
  feedback(path: string, execution: string, finished?: string, details?: string[]): Promise<CallResult>;
  state(): Promise<{ assigned: number | null; installed: number | null; status: string }>;
}

export async function testDevice(server: TestServer, fleet: Fleet, controllerId: string): Promise<TestDevice> {
  const [id] = await fleet.devices(controllerId);
  const root = `/DEFAULT/controller/v1/${controllerId}`;
  const device: TestDevice = {
    id: id!,
    call: (method, path = '', options = {}) =>
      server.call(method, path.startsWith('http') ? path.slice(server.url.length) : `${root}${path && `/${path}`}`, {
        ...options,
        as: { authorization: `TargetToken ${tokenOf(controllerId)}` },
      }),
    async poll() {
      const { body } = await device.call('GET');
      const { _links = {} } = checkSchema(ddiPoll, body, { code: 'MESSAGE_INVALID', name: 'poll' });
      return Object.fromEntries(
        Object.entries(_links).flatMap(([name, link]) =>
          link === undefined ? [] : [[name, link.href.replace(`${server.url}${root}/`, '')]],
        ),
      );
    },
    feedback: (path, execution, finished = 'none', details = []) =>
      device.call('POST', `${path}/feedback`, {
        body: { timestamp: 1, status: { execution, result: { finished }, details } },
      }),
    state: () =>
      server.running.context.database.sql
        .selectFrom('device')
        .select(['assigned_set_id as assigned', 'installed_set_id as installed', 'update_status as status'])
        .where('id', '=', id!)
        .executeTakeFirstOrThrow(),
  };
  return device;
}

/** @returns the identifier of the action */
export async function assign(
  { running: { context } }: TestServer,
  fleet: Fleet,
  deviceId: number,
  { setId, ...more }: Partial<Assignment> & { setId: number },
): Promise<number> {
  const { actions } = await fleet.transaction((tx) =>
    assignSet(tx, {
      ...{ tenantId: fleet.tenantId, deviceIds: [deviceId], setId, type: 'forced', confirmationRequired: false },
      ...{ actor: 'alice', now: context.clock.now().getTime() },
      ...more,
    }),
  );
  return actions[0]!.id;
}

export async function historyOf(
  { running: { context } }: TestServer,
  actionId: number,
): Promise<[string, ...string[]][]> {
  const rows = await context.database.sql
    .selectFrom('action_status')
    .select(['status', 'messages'])
    .where('action_id', '=', actionId)
    .orderBy('id')
    .execute();
  return rows.map(({ status, messages }) => [status, ...(JSON.parse(messages) as string[])]);
}
