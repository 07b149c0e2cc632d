import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/lib/core/canonical-json.js';
import type { JsonValue } from '../../../src/lib/core/strict-json.js';
import { checkRelease, parseMetadata } from '../../../src/lib/package/metadata.js';
import { fullPayload, releaseMetadata } from '../../support/packages.js';

const { entry } = fullPayload(Buffer.alloc(10_000, 7));
const good = releaseMetadata([entry]);
const parse = (value: unknown) => parseMetadata(canonicalJson(value as JsonValue), 'x.ota');
const text = (value: unknown) => canonicalJson(value as JsonValue).toString();
const delta = {
  ...entry,
  format: 'bsdf2',
  file: 'app-11111111.bsdf2',
  base: { version: '1.0.0', size: 9, sha256: '1'.repeat(64) },
};

describe('parseMetadata', () => {
  test('takes a release as it was written', () => {
    expect(parse(good)).toEqual(good);
    expect(parse({ ...good, payloads: [delta, entry] }).payloads).toHaveLength(2);
  });

  test('ignores a field it does not know', () => {
    expect(parse({ ...good, colour: 'blue' })).toEqual(good);
  });

  test.each<[string, string, string]>([
    ['an unknown critical field', 'METADATA_CRITICAL', text({ ...good, critical: ['colour'], colour: 'blue' })],
    ['encryption', 'METADATA_CRITICAL', text({ ...good, critical: ['encryption'], encryption: {} })],
    ['encryption not named critical', 'METADATA_INVALID', text({ ...good, encryption: {} })],
    [
      'a critical extension beside unknown formats',
      'METADATA_CRITICAL',
      text({ ...good, critical: ['x'], payloads: [{ format: 'vcdiff' }] }),
    ],
    ['a duplicate key', 'JSON_INVALID', text(good).replace('"product":"meter"', '"product":"meter","product":"meter"')],
    ['a __proto__ key', 'JSON_INVALID', text(good).replace('{"compat', '{"__proto__":{},"compat')],
    ['an integer above 2^53−1', 'JSON_INVALID', text(good).replace('"sequence":2', '"sequence":9007199254740992')],
    ['1e400', 'JSON_INVALID', text(good).replace('"sequence":2', '"sequence":1e400')],
    ['−0', 'JSON_INVALID', text(good).replace('"sequence":2', '"sequence":-0')],
    ['a lone surrogate', 'JSON_INVALID', text(good).replace('"meter"', '"\\ud800"')],
    ['a byte order mark', 'JSON_INVALID', `\ufeff${text(good)}`],
    ['white space', 'METADATA_INVALID', text(good).replace(',', ', ')],
    ['another order of keys', 'METADATA_INVALID', JSON.stringify(good)],
    ['an escaped letter', 'METADATA_INVALID', text(good).replace('meter', '\\u006deter')],
    ['nesting deeper than 32', 'LIMIT_EXCEEDED', text({ ...good, zz: JSON.parse('['.repeat(40) + ']'.repeat(40)) })],
    ['more than 1 MiB', 'LIMIT_EXCEEDED', text({ ...good, zz: 'x'.repeat(1024 ** 2) })],
    ['no object', 'METADATA_INVALID', '[]'],
  ])('refuses %s', (_, code, bytes) => {
    expect(() => parseMetadata(Buffer.from(bytes), 'x.ota')).toThrow(expect.objectContaining({ code }));
  });

  test.each<[string, Record<string, unknown>]>([
    ['another spec', { spec: 'ota-fleet/2' }],
    ['no models', { compatible: { models: [] } }],
    ['no compatible', { compatible: undefined }],
    ['a product that is no file name part', { product: '../meter' }],
    ['a bidi product', { product: 'me\u202eter' }],
    ['a version that is none', { version: '2' }],
    ['a version with a v', { version: 'v2.0.0' }],
    ['a sequence as text', { sequence: '2' }],
    ['a negative sequence', { sequence: -1 }],
    ['a security counter above 2^32−1', { securityCounter: 2 ** 32 }],
    ['a local time', { expiresAt: '2027-01-01 00:00' }],
    ['a range that is none', { dependsOn: [{ component: 'boot', range: 'later' }] }],
    ['no payloads', { payloads: [] }],
    ['a payload name that climbs', { payloads: [{ ...entry, file: '../app-full.full' }] }],
    ['a payload name of its own', { payloads: [{ ...entry, file: 'app-full.bsdf2' }] }],
    ['an upper-case component', { payloads: [{ ...entry, component: 'App', file: 'App-full.full' }] }],
    ['a payload twice', { payloads: [entry, entry] }],
    ['a short hash', { payloads: [{ ...entry, sha256: 'ab' }] }],
    ['a hash in upper case', { payloads: [{ ...entry, sha256: entry.sha256.toUpperCase() }] }],
    ['an MD5 beside no SHA-256', { payloads: [{ ...entry, sha256: undefined, md5: '0'.repeat(32) }] }],
    ['a chunk size that is no power of two', { payloads: [{ ...entry, chunkBytes: 5000 }] }],
    ['a chunk hash too few', { payloads: [{ ...entry, chunkSha256: entry.chunkSha256.slice(1) }] }],
    ['a full image unlike its target', { payloads: [{ ...entry, target: { ...entry.target, size: 9 } }] }],
    ['a full image with a base', { payloads: [{ ...entry, base: delta.base, file: 'app-11111111.full' }] }],
    ['a delta without a base', { payloads: [{ ...delta, base: undefined, file: 'app-full.bsdf2' }] }],
    [
      'two targets of one component',
      { payloads: [{ ...delta, target: { ...entry.target, sha256: '2'.repeat(64) } }, entry] },
    ],
    ['an unknown format', { payloads: [{ ...delta, format: 'vcdiff', file: 'app-11111111.vcdiff' }] }],
    ['a size of zero', { payloads: [{ ...entry, size: 0 }] }],
    ['a size above 8 GiB', { payloads: [{ ...entry, size: 8 * 1024 ** 3 }] }],
  ])('refuses %s', (_, change) => {
    const value = JSON.parse(JSON.stringify({ ...good, ...change }));
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'METADATA_INVALID', exitCode: 4 }));
  });

  test('names the field and what is wrong with it', () => {
    expect(() => parse({ ...good, payloads: [{ ...entry, size: 'big' }] })).toThrow(
      /^x\.ota:metadata\.json: payloads\[0\]\.size: .*number/,
    );
  });
});

describe('checkRelease', () => {
  const { payloads: _, ...release } = good;

  test('takes a release without payloads', () => {
    expect(checkRelease(release, 'r')).toEqual(release);
  });

  test('refuses a field it does not know, which would be signed by mistake', () => {
    expect(() => checkRelease({ ...release, secuirtyCounter: 3 }, 'release.json')).toThrow(/secuirtyCounter/);
  });
});
