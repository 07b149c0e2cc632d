import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { makeTrustRoot, type SignedRoot } from '../../../src/lib/trust/root.js';
import {
  addKey,
  draftAfter,
  newRoot,
  type RootEdit,
  removeKey,
  removeRole,
  rotateKey,
  setKeyExpiry,
  setRootExpiry,
  setThreshold,
} from '../../../src/lib/trust/root-edit.js';
import { inAYear, inTwoYears, newSigner, rootOf, signedRoot, successorOf } from './keys.js';

const signers = Array.from({ length: 4 }, (_, n) => newSigner({ isTest: n === 3 }));
const [ann, ben, eve, demo] = signers as [
  (typeof signers)[0],
  (typeof signers)[0],
  (typeof signers)[0],
  (typeof signers)[0],
];
const start = signedRoot({ root: [ann], release: [ann, ben] });
const usage = (fact: string) => expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(fact) });

describe('edits', () => {
  test('adding a key creates its role, with name, expiry and the mark of a test key', () => {
    const changed = addKey('release:pump', demo.publicKey, { name: 'demo', expiresAt: inAYear })(start);
    expect(changed.roles['release:pump']).toEqual({ keyids: [demo.publicKey.keyid], threshold: 1 });
    expect(changed.keys[demo.publicKey.keyid]).toMatchObject({
      name: 'demo',
      expiresAt: '2027-06-01T00:00:00Z',
      test: true,
    });
    expect(start.roles['release:pump']).toBeUndefined();
  });

  test('the order of edits does not show in the result', () => {
    const add = [
      addKey('release:pump', eve.publicKey),
      addKey('release:pump', ben.publicKey),
      addKey('root', eve.publicKey),
    ];
    const forwards = add.reduce((signed, edit) => edit(signed), start);
    const backwards = add.reduceRight((signed, edit) => edit(signed), start);
    expect(JSON.stringify(backwards)).toBe(JSON.stringify(forwards));
  });

  test('a key that no role uses any more leaves the root', () => {
    const changed = removeKey(ben.publicKey.keyid)(start);
    expect(Object.keys(changed.keys)).toEqual([ann.publicKey.keyid]);
    expect(removeRole('release:meter')(start).keys[ben.publicKey.keyid]).toBeUndefined();
  });

  test('rotating replaces a key in every role and keeps thresholds', () => {
    const strict = setThreshold('release:meter', 2)(start);
    const changed = rotateKey(ann.publicKey.keyid, eve.publicKey, { name: 'eve' })(strict);
    expect(changed.roles.root!.keyids).toEqual([eve.publicKey.keyid]);
    expect(changed.roles['release:meter']).toEqual({
      keyids: [ben.publicKey.keyid, eve.publicKey.keyid].sort(),
      threshold: 2,
    });
    expect(changed.keys[ann.publicKey.keyid]).toBeUndefined();
    expect(changed.keys[eve.publicKey.keyid]).toMatchObject({ name: 'eve' });
  });

  test('expiry of the root, and of a key and back', () => {
    expect(setRootExpiry(inTwoYears)(start).expiresAt).toBe('2028-06-01T00:00:00Z');
    const limited = setKeyExpiry(ben.publicKey.keyid, inAYear)(start);
    expect(limited.keys[ben.publicKey.keyid]!.expiresAt).toBe('2027-06-01T00:00:00Z');
    expect(setKeyExpiry(ben.publicKey.keyid, undefined)(limited)).toEqual(start);
  });

  test.each<[string, RootEdit, string]>([
    ['a key that is there', addKey('root', ann.publicKey), 'already signs for root'],
    ['an expiring root key', setKeyExpiry(ann.publicKey.keyid, inAYear), 'cannot expire'],
    ['the last root key', removeKey(ann.publicKey.keyid, 'root'), 'would have 0 keys'],
    ['a key below the threshold of any role', removeKey(ann.publicKey.keyid), 'would have 0 keys'],
    ['the root role', removeRole('root'), 'cannot be removed'],
    ['a role that is not there', removeRole('release:pump'), 'has no role release:pump'],
    ['a role named like a method', removeRole('constructor'), 'has no role constructor'],
    ['a key of another role', removeKey(ben.publicKey.keyid, 'root'), 'does not sign for root'],
    ['a key that is not there', removeKey(eve.publicKey.keyid), 'is not in this trust root'],
    ['a threshold of 0', setThreshold('root', 0), 'does not fit'],
    ['a threshold above the keys', setThreshold('release:meter', 3), 'has 2 keys'],
    ['a key for itself', rotateKey(ann.publicKey.keyid, ann.publicKey), 'is the old one'],
  ])('refuses %s', (_, edit, fact) => {
    expect(() => edit(start)).toThrow(usage(fact));
  });

  test('a root key cannot expire, whichever way the two come together', () => {
    expect(() => addKey('root', eve.publicKey, { expiresAt: inAYear })(start)).toThrow(usage('cannot expire'));
    expect(() => addKey('release:pump', ann.publicKey, { expiresAt: inAYear })(start)).toThrow(usage('cannot expire'));
    const limited = setKeyExpiry(ben.publicKey.keyid, inAYear)(start);
    expect(() => addKey('root', ben.publicKey)(limited)).toThrow(usage('cannot expire'));
  });

  test('refuses roles of other names', () => {
    for (const role of ['', 'Root', 'release:', 'release:A', 'release:../x', 'release', '__proto__']) {
      expect(() => addKey(role, eve.publicKey)).toThrow(usage('is not a role'));
    }
  });

  test('whatever edits succeed, the result is a sound root', () => {
    const role = fc.constantFrom('root', 'release:meter', 'release:pump');
    const who = fc.constantFrom(...signers).map(({ publicKey }) => publicKey);
    const edit = fc.oneof<fc.Arbitrary<RootEdit>[]>(
      fc.tuple(role, who).map(([name, key]) => addKey(name, key)),
      fc.tuple(who, fc.option(role, { nil: undefined })).map(([{ keyid }, name]) => removeKey(keyid, name)),
      role.map(removeRole),
      fc.tuple(role, fc.nat(4)).map(([name, threshold]) => setThreshold(name, threshold)),
      fc.tuple(who, who).map(([{ keyid }, key]) => rotateKey(keyid, key)),
      fc
        .tuple(who, fc.option(fc.constant(inAYear), { nil: undefined }))
        .map(([{ keyid }, at]) => setKeyExpiry(keyid, at)),
    );
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
        const signed = edits.reduce(attempt, start);
        expect(() => makeTrustRoot(signed, [], 'root.json')).not.toThrow();
      }),
      { numRuns: 50 },
    );
  });
});

/** Refusals leave things as they are; anything but a refusal is a bug. */
function attempt(signed: SignedRoot, edit: RootEdit): SignedRoot {
  try {
    return edit(signed);
  } catch (error) {
    expect(error).toBeInstanceOf(OtaError);
    expect(error).toMatchObject({ code: 'USAGE' });
    return signed;
  }
}

test('newRoot refuses a threshold that its keys cannot meet', () => {
  const role = { role: 'root', keys: [{ key: ann.publicKey }], threshold: 2 };
  expect(() => newRoot([role], inAYear)).toThrow(usage('threshold 2'));
});

describe('draftAfter', () => {
  test('a complete root is followed by the next version', async () => {
    expect(draftAfter(await rootOf({ root: [ann] }))).toMatchObject({ signed: { version: 2 }, amends: false });
  });

  test('a draft keeps its version while either threshold is open', async () => {
    const one = await rootOf({ root: [ann] });
    const rotate = rotateKey(ann.publicKey.keyid, ben.publicKey);
    const onlyNew = await successorOf(one, [rotate], [ben]);
    expect(draftAfter(onlyNew, one)).toMatchObject({ signed: { version: 2 }, amends: true });
    const both = await successorOf(one, [rotate], [ann, ben]);
    expect(draftAfter(both, one)).toMatchObject({ signed: { version: 3 }, amends: false });
  });
});
