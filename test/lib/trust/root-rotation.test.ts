import { describe, expect, test } from 'vitest';
import { encodeTrustRoot, type TrustRoot } from '../../../src/lib/trust/root.js';
import { addKey, removeKey, rotateKey, setRootExpiry, setThreshold } from '../../../src/lib/trust/root-edit.js';
import { followRotations, signatureNeeds, verifyRoot, verifyRotation } from '../../../src/lib/trust/root-rotation.js';
import { faultySigner, inAYear, inTwoYears, newSigner, now, rootOf, successorOf } from './keys.js';

const [ann, ben, eve, release] = [newSigner(), newSigner(), newSigner(), newSigner()] as const;
const one = await rootOf({ root: [ann], release: [release] });
const file = (root: TrustRoot) => ({ version: root.signed.version, bytes: encodeTrustRoot(root) });
const refusal = (code: string, fact = '') =>
  expect.objectContaining({ code, exitCode: 3, message: expect.stringContaining(fact) });

describe('verifyRoot', () => {
  test('a root that signed itself and has not expired is fine', () => {
    expect(() => verifyRoot(one, { now })).not.toThrow();
  });

  test('a draft is not', async () => {
    const draft = { ...(await rootOf({ root: [ann, ben], rootThreshold: 2 })) };
    const half = { ...draft, signatures: draft.signatures.slice(1) };
    expect(() => verifyRoot(half, { now })).toThrow(refusal('SIGNATURE_THRESHOLD'));
    expect(() => verifyRoot({ ...draft, signatures: [] }, { now })).toThrow(refusal('SIGNATURE_MISSING'));
  });

  test('nor an expired one, nor one made with test keys', async () => {
    expect(() => verifyRoot(one, { now: inAYear })).toThrow(refusal('ROOT_EXPIRED', '2027-06-01'));
    const demo = await rootOf({ root: [newSigner({ isTest: true })] });
    expect(() => verifyRoot(demo, { now })).toThrow(refusal('KEY_IS_TEST'));
    expect(() => verifyRoot(demo, { now, allowTestKeys: true })).not.toThrow();
  });
});

describe('verifyRotation', () => {
  test('needs the old and the new root keys', async () => {
    const rotate = rotateKey(ann.publicKey.keyid, ben.publicKey);
    const both = await successorOf(one, [rotate], [ann, ben]);
    expect(() => verifyRotation(one, both, { now })).not.toThrow();
    const onlyNew = await successorOf(one, [rotate], [ben]);
    expect(() => verifyRotation(one, onlyNew, { now })).toThrow(refusal('ROOT_ROTATION', 'root role of version 1'));
    const onlyOld = await successorOf(one, [rotate], [ann]);
    expect(() => verifyRotation(one, onlyOld, { now })).toThrow(refusal('ROOT_ROTATION', 'root role of version 2'));
  });

  test('needs both thresholds, before and after they change', async () => {
    const raise = [addKey('root', ben.publicKey), addKey('root', eve.publicKey), setThreshold('root', 2)];
    const two = await successorOf(one, raise, [ann, ben]);
    expect(() => verifyRotation(one, two, { now })).not.toThrow();
    const tooFewNew = await successorOf(one, raise, [ann]);
    expect(() => verifyRotation(one, tooFewNew, { now })).toThrow(refusal('ROOT_ROTATION', 'version 2'));

    const lower = [setThreshold('root', 1), removeKey(ann.publicKey.keyid, 'root')];
    const three = await successorOf(two, lower, [ben, eve]);
    expect(() => verifyRotation(two, three, { now })).not.toThrow();
    const tooFewOld = await successorOf(two, lower, [eve]);
    expect(() => verifyRotation(two, tooFewOld, { now })).toThrow(refusal('ROOT_ROTATION', 'version 2'));
  });

  test.each([1, 3, 7])('refuses version %i after version 1', async (version) => {
    const next = await successorOf(one, [setRootExpiry(inTwoYears)], [ann], version);
    expect(() => verifyRotation(one, next, { now })).toThrow(refusal('ROOT_ROTATION', 'expected 2'));
  });

  test('a release key cannot sign a root', async () => {
    const next = await successorOf(one, [setRootExpiry(inTwoYears)], [ann]);
    const sig = next.signatures[0]!.sig;
    const forged = { ...next, signatures: [{ keyid: release.publicKey.keyid, sig }] };
    expect(() => verifyRotation(one, forged, { now })).toThrow(refusal('ROOT_ROTATION'));
  });

  test('signatures over other contents do not count', async () => {
    const next = await successorOf(one, [setRootExpiry(inTwoYears)], [ann]);
    const swapped = { ...next, signatures: one.signatures };
    expect(() => verifyRotation(one, swapped, { now })).toThrow(refusal('ROOT_ROTATION', 'does not fit'));
  });

  test('follows from a root that has expired, so that nobody is stranded', async () => {
    const next = await successorOf(one, [setRootExpiry(inTwoYears)], [ann]);
    const later = new Date(inAYear.getTime() + 1);
    expect(() => verifyRoot(one, { now: later })).toThrow(refusal('ROOT_EXPIRED'));
    expect(() => verifyRotation(one, next, { now: later })).not.toThrow();
  });
});

describe('followRotations', () => {
  test('follows a chain through expired versions to the last, which must be valid', async () => {
    const two = await successorOf(one, [rotateKey(ann.publicKey.keyid, ben.publicKey)], [ann, ben]);
    const three = await successorOf(
      two,
      [rotateKey(ben.publicKey.keyid, eve.publicKey), setRootExpiry(inTwoYears)],
      [ben, eve],
    );
    const later = new Date(inAYear.getTime() + 1);
    expect(followRotations(one, [file(two), file(three)], { now: later }).signed.version).toBe(3);
    expect(() => followRotations(one, [file(two)], { now: later })).toThrow(refusal('ROOT_EXPIRED'));
    expect(() => followRotations(one, [file(three)], { now })).toThrow(refusal('ROOT_ROTATION', 'expected 2'));
  });

  test('without successors the trusted root itself counts, if it is complete and valid', async () => {
    expect(followRotations(one, [], { now })).toBe(one);
    expect(() => followRotations(one, [], { now: inAYear })).toThrow(refusal('ROOT_EXPIRED'));
    expect(() => followRotations({ ...one, signatures: [] }, [], { now })).toThrow(refusal('SIGNATURE_MISSING'));
  });

  test('older versions in a package are skipped, even malformed ones', async () => {
    const two = await successorOf(one, [setRootExpiry(inTwoYears)], [ann]);
    const garbage = { version: 1, bytes: Buffer.from('garbage') };
    expect(followRotations(two, [garbage, file(two)], { now })).toBe(two);
  });

  test('a file that claims another version than it holds is refused', async () => {
    const two = await successorOf(one, [setRootExpiry(inTwoYears)], [ann]);
    const three = await successorOf(two, [setRootExpiry(inTwoYears)], [ann]);
    expect(() => followRotations(one, [{ ...file(three), version: 2 }], { now })).toThrow(refusal('ROOT_ROTATION'));
    expect(() => followRotations(one, [{ ...file(one), version: 2 }], { now })).toThrow(refusal('ROOT_ROTATION'));
  });

  test('stops at the first bad root, before later files are even parsed', async () => {
    const stolen = await successorOf(one, [rotateKey(ann.publicKey.keyid, ben.publicKey)], [ben]);
    const garbage = { version: 3, bytes: Buffer.from('garbage') };
    expect(() => followRotations(one, [file(stolen), garbage], { now })).toThrow(refusal('ROOT_ROTATION'));
  });
});

describe('signatureNeeds', () => {
  test('says who has signed and who is still needed, for both root roles', async () => {
    const next = await successorOf(one, [addKey('root', ben.publicKey), setThreshold('root', 2)], [ann]);
    expect(signatureNeeds(next, one)).toEqual([
      { rootVersion: 1, threshold: 1, signed: [ann.publicKey.keyid], open: [], missing: 0 },
      { rootVersion: 2, threshold: 2, signed: [ann.publicKey.keyid], open: [ben.publicKey.keyid], missing: 1 },
    ]);
  });

  test('a bad signature is an error, not a missing one', async () => {
    const sig = await faultySigner(ann).sign(Buffer.from('x'));
    const bad = { ...one, signatures: [{ keyid: ann.publicKey.keyid, sig }] };
    expect(() => signatureNeeds(bad)).toThrow(refusal('SIGNATURE_INVALID'));
  });
});
