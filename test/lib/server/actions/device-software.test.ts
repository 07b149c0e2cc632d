import { describe, expect, test } from 'vitest';
import { softwareAfter } from '../../../../src/lib/server/actions/device-software.js';

const OLD = 1;
const NEW = 2;
const LATER = 3;
const waiting = { assignedSetId: NEW, installedSetId: OLD, updateStatus: 'pending' } as const;
const forced = { setId: NEW, type: 'forced' } as const;

describe('a device whose action has ended', () => {
  test.each([
    ['finished', undefined, { assignedSetId: NEW, installedSetId: NEW, updateStatus: 'in_sync' }],
    ['error', undefined, { assignedSetId: null, installedSetId: OLD, updateStatus: 'error' }],
    ['canceled', undefined, { assignedSetId: OLD, installedSetId: OLD, updateStatus: 'in_sync' }],
    // Another one has been assigned meanwhile: it stays on its way there.
    ['finished', LATER, { assignedSetId: LATER, installedSetId: NEW, updateStatus: 'pending' }],
    ['error', LATER, { assignedSetId: LATER, installedSetId: OLD, updateStatus: 'pending' }],
    ['canceled', LATER, { assignedSetId: LATER, installedSetId: OLD, updateStatus: 'pending' }],
  ] as const)('as %s, with %s to come', (status, next, after) => {
    expect(softwareAfter(waiting, { ...forced, status }, next)).toEqual(after);
  });

  test('by a cancel, before it had anything, is registered and no more', () => {
    const empty = { ...waiting, installedSetId: null };
    expect(softwareAfter(empty, { ...forced, status: 'canceled' }, undefined)).toEqual({
      assignedSetId: null,
      installedSetId: null,
      updateStatus: 'registered',
    });
  });

  test('has not installed what was only to be downloaded', () => {
    const ended = { setId: NEW, type: 'downloadonly', status: 'downloaded' } as const;
    expect(softwareAfter(waiting, ended, undefined)).toEqual({ ...waiting, updateStatus: 'in_sync' });
  });

  test('is as it was while the action goes on', () => {
    expect(softwareAfter(waiting, { ...forced, status: 'downloaded' }, undefined)).toBe(waiting);
  });
});
