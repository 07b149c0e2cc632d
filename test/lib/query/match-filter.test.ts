import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Comparison, Filter } from '../../../src/lib/query/filter.js';
import { chosen, type Device, matches, times } from './device-filters.js';
import { anyFilter } from './fiql-filters.js';

/** The targets of hawkBit's own tests of its target fields. */
const targets: Readonly<Record<string, Device>> = {
  '123': {
    controllerId: 'targetId123',
    name: 'targetName123',
    description: 'targetDesc123',
    updateStatus: 'PENDING',
    lastTargetQuery: times.nowMs - 5000,
    'controllerAttributes.revision': '1.1',
    'metadata.metaKey': 'metaValue',
    'tags.name': ['Tag1', 'Tag3'],
  },
  '1234': {
    controllerId: 'targetId1234',
    name: 'targetId1234',
    description: 'targetId1234',
    updateStatus: 'REGISTERED',
    lastTargetQuery: times.nowMs - 4000,
    'controllerAttributes.revision': '1.2',
    'metadata.metaKey': 'value',
    'tags.name': ['Tag1'],
  },
  '1235': {
    controllerId: 'targetId1235',
    name: 'targetId1235',
    updateStatus: 'UNKNOWN',
    'tags.name': ['Tag2', 'Tag3'],
  },
  '1236': {
    controllerId: 'targetId1236',
    name: 'targetId1236',
    updateStatus: 'UNKNOWN',
    'tags.name': ['Tag2', 'Tag3'],
  },
  '1237': { controllerId: 'targetId1237', name: 'targetId1237', updateStatus: 'UNKNOWN', 'tags.name': [] },
};

describe('a filter chooses the devices that hawkBit chooses', () => {
  // Queries and how many of the targets they find, from hawkBit's tests.
  test.each([
    ['ID==targetId123', 1],
    ['ID!=targetId123', 4],
    ['ID=in=(targetId123,notexist)', 1],
    ['ID=out=(targetId123,notexist)', 4],
    ['NAME==target*', 5],
    ['NAME==noExist*', 0],
    ["DESCRIPTION==''", 3],
    ["DESCRIPTION!=''", 2],
    ['DESCRIPTION!=targetDesc123', 4],
    ['DESCRIPTION=out=(targetDesc123,notexist)', 4],
    ['UPDATESTATUS==pending', 1],
    ['UPDATESTATUS!=pending', 4],
    ['UPDATESTATUS=out=(pending,error)', 4],
    ['ATTRIBUTE.revision==1.1', 1],
    ['ATTRIBUTE.revision!=1.1', 1],
    ['ATTRIBUTE.revision==1*', 2],
    ['ATTRIBUTE.revision=out=(1.1)', 1],
    ['ATTRIBUTE.revision=is=null', 3],
    ['ATTRIBUTE.revision=not=null', 2],
    ['ATTRIBUTE.revision=ne=1.1', 1],
    ['ATTRIBUTE.n/a!=null', 0],
    ['ATTRIBUTE..==value.dot', 0],
    ['TAG==Tag1', 2],
    ['TAG!=Tag1', 3],
    ['TAG==T*', 4],
    ['TAG!=T*', 1],
    ['TAG!=notexist', 5],
    ["TAG==''", 1],
    ["TAG!=''", 4],
    ['TAG!=*', 1],
    ['TAG==*', 4],
    ['TAG=in=(Tag1,notexist)', 2],
    ['TAG=in=(null)', 0],
    ['TAG=out=(Tag1,notexist)', 3],
    ['TAG=out=(null)', 5],
    ['TAG==Tag1,TAG==Tag2', 4],
    ['TAG!=Tag2;TAG==Tag3', 1],
    ['TAG!=Tag2,TAG!=Tag3', 3],
    [`LASTCONTROLLERREQUESTAT==${times.nowMs - 5000}`, 1],
    [`LASTCONTROLLERREQUESTAT!=${times.nowMs - 5000}`, 4],
    [`LASTCONTROLLERREQUESTAT=lt=${times.nowMs - 4000}`, 1],
    [`LASTCONTROLLERREQUESTAT=le=\${NOW_TS}`, 2],
    [`LASTCONTROLLERREQUESTAT=gt=\${OVERDUE_TS}`, 2],
    ['METADATA.metaKey==metaValue', 1],
    ['METADATA.metaKey==METAvalue', 1],
    ['METADATA.metakey==metaValue', 0],
  ])('%s: %i of 5', (query, count) => {
    expect(chosen(query, targets)).toHaveLength(count);
  });
});

describe('fields of our own', () => {
  const devices: Readonly<Record<string, Device>> = {
    old: { installedVersion: '2.0.10', online: true, lastTargetQuery: times.nowMs - 60_000 },
    candidate: { installedVersion: '2.1.0-rc.1', online: false, lastTargetQuery: times.nowMs - 600_000 },
    new: { installedVersion: '2.1.0', online: true, lastTargetQuery: times.nowMs },
    odd: { installedVersion: 'nightly', online: false, lastTargetQuery: times.nowMs - 3_600_000 },
    unseen: { online: false },
  };

  test('installedVersion is ordered as versions; what is no version has no order', () => {
    expect(chosen('installedVersion=lt=2.1', devices)).toEqual(['old', 'candidate']);
    expect(chosen('installedVersion=ge=2.0.9', devices)).toEqual(['old', 'candidate', 'new']);
    expect(chosen('installedVersion==2.1.0', devices)).toEqual(['new']);
    expect(chosen('installedVersion==2.1.*', devices)).toEqual(['candidate', 'new']);
    expect(chosen('installedVersion!=2.1.*', devices)).toEqual(['old', 'odd', 'unseen']);
  });

  test('lastSeenAgo counts from now; a device that was never seen has no age', () => {
    expect(chosen('lastSeenAgo=lt=10m', devices)).toEqual(['old', 'new']);
    expect(chosen('lastSeenAgo=ge=10m', devices)).toEqual(['candidate', 'odd']);
    expect(chosen('lastSeenAgo=le=10m', devices)).toEqual(['old', 'candidate', 'new']);
    expect(chosen('lastSeenAgo=gt=10m', devices)).toEqual(['odd']);
    expect(chosen('lastSeenAgo=is=null', devices)).toEqual(['unseen']);
  });

  test('online is true or false', () => {
    expect(chosen('online==true', devices)).toEqual(['old', 'new']);
    expect(chosen('online!=TRUE', devices)).toEqual(['candidate', 'odd', 'unseen']);
  });
});

test('text is ordered by code points, whatever its case', () => {
  const device = { 'metadata.k': '\u{1f98a}' };
  expect(matches('metadata.k=gt=\uffee', device)).toBe(true);
  expect(matches('metadata.k=gt=a', { 'metadata.k': 'B' })).toBe(false);
});

test('judging agrees with a model that knows no binding', () => {
  const fields = ['name', 'tags.name', 'metadata.k', 'group'];
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', 'B', '*', '\\'), maxLength: 3 }),
    fc.constant('null'),
  );
  const device = fc.record(
    { name: text, 'tags.name': fc.array(text, { maxLength: 3 }), 'metadata.k': text, group: text },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(anyFilter(fc.constantFrom(...fields), text), device, (filter, record) => {
      expect(matches(filter, record)).toBe(model(filter, record));
    }),
    { numRuns: 2000 },
  );
});

/** What docs/filters.md says, case by case. */
function model(filter: Filter, device: Device): boolean {
  if (filter.kind === 'and') return !filter.filters.some((inner) => !model(inner, device));
  if (filter.kind === 'or') return !filter.filters.every((inner) => !model(inner, device));
  const values = [device[filter.field] ?? []].flat().map(String);
  if (filter.kind === 'present') return filter.present ? values.length > 0 : values.length === 0;
  return modelComparison(filter, values);
}

function modelComparison({ field, operator, values: [first, ...rest] }: Comparison, actual: string[]): boolean {
  const same = (value: string) => pattern(first).test(value);
  const oneOf = (value: string) => [first, ...rest].some((one) => one.toLowerCase() === value.toLowerCase());
  const hasKey = !field.startsWith('metadata.') || actual.length > 0;
  switch (operator) {
    case '==':
      return first === '' ? actual.length === 0 || actual.includes('') : actual.some(same);
    case '!=':
      return first === '' ? actual.length > 0 && !actual.includes('') : hasKey && !actual.some(same);
    case '=in=':
      return actual.some(oneOf);
    case '=out=':
      return hasKey && !actual.some(oneOf);
    case '=lt=':
      return actual.some((value) => value < first);
    case '=le=':
      return actual.some((value) => value <= first);
    case '=gt=':
      return actual.some((value) => value > first);
    case '=ge=':
      return actual.some((value) => value >= first);
  }
}

function pattern(text: string): RegExp {
  const source = text.replace(/\\\*|\*|[\\.[\]]/g, (found) =>
    found === '*' ? '.*' : found === '\\*' ? '\\*' : `\\${found}`,
  );
  return new RegExp(`^${source}$`, 'is');
}
