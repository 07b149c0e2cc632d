import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTime, parseExpiry } from '../../../src/lib/trust/expiry.js';
import { addKey, setThreshold } from '../../../src/lib/trust/root-edit.js';
import { forecastExpiry } from '../../../src/lib/trust/root-forecast.js';
import { newSigner, rootOf, now as start, successorOf } from './keys.js';

const now = new Date('2026-01-31T10:20:30.456Z');

describe('parseExpiry', () => {
  test.each([
    ['1d', '2026-02-01T10:20:30Z'],
    ['2w', '2026-02-14T10:20:30Z'],
    ['1mo', '2026-02-28T10:20:30Z'],
    ['25mo', '2028-02-29T10:20:30Z'],
    ['2y', '2028-01-31T10:20:30Z'],
    ['2028-02-29', '2028-02-29T00:00:00Z'],
    ['2028-02-29T12:00:00Z', '2028-02-29T12:00:00Z'],
    ['2028-03-01T01:00:00+02:00', '2028-02-29T23:00:00Z'],
  ])('%s is %s', (text, expected) => {
    expect(formatTime(parseExpiry(text, now))).toBe(expected);
  });

  test.each([
    '',
    '1',
    'y',
    '0d',
    '-1d',
    '1.5y',
    '100000d',
    '2027-02-30',
    '2027-13-01',
    '2027-1-1',
    'tomorrow',
    '1Y',
    '9999y',
  ])('%j is refused', (text) => {
    expect(() => parseExpiry(text, now)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test.each(['2026-01-31', '2026-01-31T10:20:30Z', '1999-01-01'])('%s is past', (text) => {
    expect(() => parseExpiry(text, now)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('not in the future') }),
    );
  });

  test('what it returns is after now, and survives being written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999 }), fc.constantFrom('d', 'w', 'mo', 'y'), (count, unit) => {
        const at = parseExpiry(`${count}${unit}`, now);
        expect(at > now).toBe(true);
        expect(new Date(formatTime(at))).toEqual(at);
      }),
    );
  });
});

describe('forecastExpiry', () => {
  const day = (count: number) => new Date(start.getTime() + count * 86_400_000);

  test('a role ends when fewer keys than its threshold are left', async () => {
    const [root, ann, ben, eve] = [newSigner(), newSigner(), newSigner(), newSigner()] as const;
    const first = await rootOf({ root: [root], expiresAt: day(100) });
    const next = await successorOf(
      first,
      [
        addKey('release:meter', ann.publicKey, { expiresAt: day(10) }),
        addKey('release:meter', ben.publicKey, { expiresAt: day(20) }),
        addKey('release:meter', eve.publicKey),
        setThreshold('release:meter', 2),
      ],
      [root],
    );
    const forecast = forecastExpiry(next, start).map(({ what, id, daysLeft }) => ({ what, id, daysLeft }));
    expect(forecast).toEqual([
      { what: 'key', id: ann.publicKey.keyid, daysLeft: 10 },
      { what: 'key', id: ben.publicKey.keyid, daysLeft: 20 },
      { what: 'role', id: 'release:meter', daysLeft: 20 },
      { what: 'root', daysLeft: 100 },
    ]);
  });

  test('a role with enough keys that do not expire never ends; a past expiry counts backwards', async () => {
    const [root, ann, ben] = [newSigner(), newSigner(), newSigner()] as const;
    const first = await rootOf({ root: [root], release: [ann], expiresAt: day(1) });
    const next = await successorOf(first, [addKey('release:meter', ben.publicKey, { expiresAt: day(5) })], [root]);
    const forecast = forecastExpiry(next, day(3));
    expect(forecast.map(({ what }) => what)).toEqual(['root', 'key']);
    expect(forecast[0]).toMatchObject({ daysLeft: -2, consequence: expect.stringContaining('version 2') });
  });
});
