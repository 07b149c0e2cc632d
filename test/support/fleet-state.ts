import { hash } from 'node:crypto';
import { expect } from 'vitest';
import type { Acknowledged, FleetLoad } from './fleet-load.js';
import type { FleetProcess } from './fleet-process.js';

/**
 * Every acknowledgement was meant: what is told of a fleet is what its clients were told, once.
 *
 * @param all what must be there, of an earlier moment
 */
export async function expectAllKept(
  server: FleetProcess,
  { acknowledged, uncertain, wrong }: FleetLoad,
  all: Acknowledged = acknowledged,
): Promise<void> {
  expect(wrong).toEqual([]);
  const { devices, actions, feedback, closed, telemetry, artifacts } = all;
  const known = await pages(server, '/api/v1/devices?limit=1000');
  const names = known.map(({ id }) => id as string);
  expect(missing([...devices.keys()], names)).toEqual([]);
  expect(known.filter(({ hasToken }) => hasToken !== true)).toEqual([]);

  const told = await list(server, '/rest/v1/actions?limit=500&representation=full&sort=id:ASC');
  const devicesOf = told.map(({ _links }) => (_links.target as { href: string }).href.split('/').at(-1)!);
  expect(repeated(devicesOf)).toEqual([]); // each gets the same set once
  expect(
    missing(
      [...actions].map(String),
      told.map(({ id }, index) => `${id},${devicesOf[index]}`),
    ),
  ).toEqual([]);
  const ended = told.filter(({ detailStatus }) => detailStatus === 'finished').map(({ id }) => id as number);
  expect(missing([...closed], ended)).toEqual([]);

  const texts: string[] = [];
  for (const [index, { id }] of told.entries()) {
    const path = `/rest/v1/targets/${devicesOf[index]}/actions/${id}/status?limit=500`;
    for (const { messages } of await list(server, path))
      texts.push(...(messages as string[]).map((text) => `${id} ${text}`));
  }
  const reports = texts.filter((text) => /^\d+ (step|end)/.test(text));
  expect(repeated(reports)).toEqual([]);
  expect(
    missing(
      [...feedback].map(([text, id]) => `${id} ${text}`),
      reports,
    ),
  ).toEqual([]);
  const steps = reports.map((text) => text.replace(/^\d+ /, '')).filter((text) => text.startsWith('step'));
  expect(steps.filter((text) => !acknowledged.feedback.has(text) && !uncertain.has(text))).toEqual([]);

  const kept: string[] = [];
  for (const name of new Set(telemetry.values())) {
    const path = `/api/v1/devices/${name}/telemetry?limit=10000&order=oldest`;
    for (const { body } of await pages(server, path, 'messages')) kept.push(`${body.messageId},${name}`);
  }
  expect(repeated(kept)).toEqual([]);
  expect(missing([...telemetry].map(String), kept)).toEqual([]);

  for (const [path, sha256] of artifacts) {
    const response = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${server.adminToken}` } });
    expect([response.status, hash('sha256', Buffer.from(await response.arrayBuffer()))]).toEqual([200, sha256]);
  }

  const { status, body } = await server.call('GET', '/api/v1/audit/verify');
  expect({ status, body }).toMatchObject({ status: 200, body: { isIntact: true } });
  const written = await auditOf(server);
  expect(missing([...artifacts.values()], written.get('artifact.uploaded') ?? [])).toEqual([]);
}

async function auditOf(server: FleetProcess): Promise<Map<string, string[]>> {
  const written = new Map<string, string[]>();
  for (let after = 0; ; ) {
    const { items } = (await server.call('GET', `/api/v1/audit?limit=1000&after=${after}`)).body;
    for (const { action, detail } of items) written.set(action, [...(written.get(action) ?? []), detail.sha256]);
    if (items.length === 0) return written;
    after = items.at(-1).seq;
  }
}

type Row = Record<string, ReturnType<typeof JSON.parse>>;

async function pages(server: FleetProcess, path: string, name = 'items'): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor = ''; ; ) {
    const { status, body } = await server.call('GET', `${path}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    expect(status, JSON.stringify(body)).toBe(200);
    rows.push(...body[name]);
    if (body.cursor === undefined || body.cursor === null) return rows;
    cursor = body.cursor;
  }
}

/** A list of hawkBit's Management API. */
async function list(server: FleetProcess, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const { status, body } = await server.call('GET', `${path}&offset=${rows.length}`);
    expect(status, JSON.stringify(body)).toBe(200);
    rows.push(...body.content);
    if (rows.length >= body.total) return rows;
  }
}

function missing<T>(expected: readonly T[], actual: readonly T[]): T[] {
  const known = new Set(actual);
  return expected.filter((one) => !known.has(one));
}

function repeated(texts: readonly string[]): string[] {
  const seen = new Set<string>();
  return texts.filter((text) => seen.size === seen.add(text).size);
}
