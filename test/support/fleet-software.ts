import { expect } from 'vitest';
import type { FleetProcess } from './fleet-process.js';

export interface NewSet {
  readonly version: string;
  /** The only artifact of its only module. */
  readonly file?: { readonly name: string; readonly bytes: Uint8Array };
}

/** A distribution set as an operator makes one over hawkBit's Management API. @returns its identifier */
export async function makeSet(server: FleetProcess, { version, file }: NewSet): Promise<number> {
  const named = { name: 'firmware', version, type: 'os' };
  const [module] = await created(server, '/rest/v1/softwaremodules', [named]);
  if (file !== undefined) {
    const form = new FormData();
    form.append('file', new Blob([file.bytes as Uint8Array<ArrayBuffer>]), file.name);
    await created(server, `/rest/v1/softwaremodules/${module.id}/artifacts`, form);
  }
  const [set] = await created(server, '/rest/v1/distributionsets', [{ ...named, modules: [{ id: module.id }] }]);
  return set.id;
}

/** @returns the identifier of the action */
export async function assignSet(server: FleetProcess, controllerId: string, setId: number): Promise<number> {
  const path = `/rest/v1/targets/${controllerId}/assignedDS`;
  const { status, body } = await server.call('POST', path, { body: { id: setId, type: 'forced' } });
  expect(status, JSON.stringify(body)).toBe(200);
  return body.assignedActions[0].id;
}

/** @returns tokens by name */
export async function registerDevices(server: FleetProcess, ids: readonly string[]): Promise<Map<string, string>> {
  const { devices } = await created(
    server,
    '/api/v1/devices',
    ids.map((id) => ({ id })),
  );
  return new Map(devices.map(({ id, token }: { id: string; token: string }) => [id, token]));
}

async function created(server: FleetProcess, path: string, body: unknown) {
  const answer = await server.call('POST', path, { body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}
