import { describe, expect, test } from 'vitest';
import { requestedRange } from '../../../../src/lib/server/artifacts/byte-range.js';

const etag = '"abc"';

describe('a range of 100 bytes', () => {
  test.each<[string, ReturnType<typeof requestedRange>]>([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=10-19', { start: 10, end: 19 }],
    ['bytes=10-', { start: 10, end: 99 }],
    ['bytes=90-500', { start: 90, end: 99 }],
    ['bytes=-1', { start: 99, end: 99 }],
    ['bytes=-500', { start: 0, end: 99 }],
    ['Bytes=5-6', { start: 5, end: 6 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=100-200', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=20-10', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,5-6', undefined],
    ['bytes=a-b', undefined],
    ['lines=0-1', undefined],
    ['bytes=99999999999999999999-', undefined],
  ])('%s', (range, expected) => {
    expect(requestedRange({ range, ifRange: undefined }, { size: 100, etag })).toEqual(expected);
  });

  test('counts with If-Range only when that is the very same tag', () => {
    const of = (ifRange: string) => requestedRange({ range: 'bytes=1-2', ifRange }, { size: 100, etag });
    expect(of('"abc"')).toEqual({ start: 1, end: 2 });
    expect(of('"abd"')).toBeUndefined();
    expect(of('W/"abc"')).toBeUndefined();
    expect(of('Wed, 21 Oct 2026 07:28:00 GMT')).toBeUndefined();
  });

  test('of an empty file is nowhere', () => {
    expect(requestedRange({ range: 'bytes=0-', ifRange: undefined }, { size: 0, etag })).toBe('unsatisfiable');
  });
});
