import { describe, expect, test } from 'vitest';
import { spkiOf } from '../../../src/lib/trust/public-key.js';
import { encodeTrustRoot, makeTrustRoot, parseTrustRoot, ROOT_MAX_BYTES } from '../../../src/lib/trust/root.js';
import { smallOrderEncodings } from './hostile-keys.js';
import { newSigner, rootOf, signedRoot } from './keys.js';

const [ann, ben] = [newSigner(), newSigner({ isTest: true })] as const;
const root = await rootOf({ root: [ann], release: [ann, ben], releaseThreshold: 2 });
const text = encodeTrustRoot(root).toString();

const parse = (json: string) => parseTrustRoot(Buffer.from(json), 'root.1.json');
const changed = (change: (file: { signed: ReturnType<typeof signedRoot>; signatures: object[] }) => unknown) => {
  const file = JSON.parse(text);
  change(file);
  return JSON.stringify(file);
};

describe('parseTrustRoot', () => {
  test('reads back what was written, whatever its layout', () => {
    const read = parse(text);
    expect(read).toEqual({ ...root, name: 'root.1.json' });
    expect(parse(JSON.stringify(JSON.parse(text), null, 8)).digest).toEqual(root.digest);
    expect(encodeTrustRoot(read).toString()).toBe(text);
  });

  test('keys come with their marks', () => {
    expect(parse(text).keys.get(ben.publicKey.keyid)).toMatchObject({ isTest: true });
    expect(parse(text).roles.get('release:meter')).toMatchObject({ threshold: 2 });
  });

  test.each<[string, string, string]>([
    ['no signed part', '{"signatures":[]}', 'has no "signed" part'],
    ['a list', '[]', 'has no "signed" part'],
    ['an unknown field beside it', changed((file) => Object.assign(file, { extra: 1 })), 'unknown field "extra"'],
    ['an unknown field inside', changed(({ signed }) => Object.assign(signed, { extra: 1 })), 'extra'],
    ['another spec', changed(({ signed }) => Object.assign(signed, { spec: 'ota-fleet-root/2' })), 'spec'],
    ['version 0', changed(({ signed }) => Object.assign(signed, { version: 0 })), 'version'],
    ['a version beyond nine digits', changed(({ signed }) => Object.assign(signed, { version: 1e9 })), 'version'],
    ['a local time', changed(({ signed }) => Object.assign(signed, { expiresAt: '2027-06-01T00:00:00' })), 'expiresAt'],
    ['30 February', changed(({ signed }) => Object.assign(signed, { expiresAt: '2027-02-30T00:00:00Z' })), 'expiresAt'],
    ['no root role', changed(({ signed }) => delete signed.roles.root), 'has no role "root"'],
    [
      'another kind of role',
      changed(({ signed }) => Object.assign(signed.roles, { admin: signed.roles.root })),
      '"admin" is not a role',
    ],
    [
      'a bad product name',
      changed(({ signed }) => Object.assign(signed.roles, { 'release:A/B': signed.roles.root })),
      'is not a role',
    ],
    [
      'a threshold above its keys',
      changed(({ signed }) => Object.assign(signed.roles.root!, { threshold: 2 })),
      'needs 2 signatures but has 1',
    ],
    ['a threshold of 0', changed(({ signed }) => Object.assign(signed.roles.root!, { threshold: 0 })), 'threshold'],
    [
      'one key listed twice in a role',
      changed(({ signed }) => signed.roles.root!.keyids.push(ann.publicKey.keyid)),
      'lists a key twice',
    ],
    [
      'one key under two ids',
      changed(({ signed }) => Object.assign(signed.keys, { ['0'.repeat(64)]: signed.keys[ann.publicKey.keyid] })),
      'holds the key whose id is',
    ],
    [
      'a role with a key that is not there',
      changed(({ signed }) => signed.roles.root!.keyids.push('0'.repeat(64))),
      '"keys" does not hold',
    ],
    [
      'a root key that expires',
      changed(({ signed }) => Object.assign(signed.keys[ann.publicKey.keyid]!, { expiresAt: '2027-01-01T00:00:00Z' })),
      'must not expire',
    ],
    [
      'another algorithm',
      changed(({ signed }) => Object.assign(signed.keys[ann.publicKey.keyid]!, { algorithm: 'rsa' })),
      'algorithm',
    ],
  ])('refuses %s', (_, json, fact) => {
    expect(() => parse(json)).toThrow(
      expect.objectContaining({ code: 'ROOT_INVALID', exitCode: 3, message: expect.stringContaining(fact) }),
    );
  });

  test('refuses a key twice among the signatures', () => {
    const twice = changed(({ signatures }) => signatures.push(signatures[0]!));
    expect(() => parse(twice)).toThrow(expect.objectContaining({ code: 'SIGNATURE_FILE_INVALID' }));
  });

  test.each(smallOrderEncodings())('refuses to enrol the small-order point $hex', ({ bytes }) => {
    const json = changed(({ signed }) => {
      signed.keys[ann.publicKey.keyid]!.publicKey = spkiOf(bytes).toString('base64');
    });
    expect(() => parse(json)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
  });

  test('refuses duplicate keys, and files above 1 MiB or nested too deep', () => {
    expect(() => parse(text.replace('"version": 1', '"version": 1, "version": 2'))).toThrow(
      expect.objectContaining({ code: 'JSON_INVALID' }),
    );
    expect(() => parse(text + ' '.repeat(ROOT_MAX_BYTES))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    expect(() => parse('['.repeat(40))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });

  test('refuses a 65th key before it enrols any', () => {
    const json = changed(({ signed }) => {
      for (let n = 0; n < 65; n += 1) {
        signed.keys[n.toString(16).padStart(64, '0')] = signed.keys[ann.publicKey.keyid]!;
      }
    });
    expect(() => parse(json)).toThrow(expect.objectContaining({ message: expect.stringContaining('at most 64') }));
  });
});

test('the digest depends on every part of what is signed', () => {
  const base = signedRoot({ root: [ann], release: [ben] });
  const digests = [
    base,
    { ...base, version: 2 },
    { ...base, expiresAt: '2027-06-02T00:00:00Z' },
    { ...base, roles: { root: base.roles.root! } },
  ].map((signed) => Buffer.from(makeTrustRoot(signed, [], 'r').digest).toString('hex'));
  expect(new Set(digests).size).toBe(digests.length);
});
