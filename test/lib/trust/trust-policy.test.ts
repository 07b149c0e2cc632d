import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  createSignature,
  METADATA_PAYLOAD_TYPE,
  mergeSignatures,
  ROOT_PAYLOAD_TYPE,
  type SignatureEnvelope,
} from '../../../src/lib/trust/dsse.js';
import { trustRoot } from '../../../src/lib/trust/root.js';
import { addKey } from '../../../src/lib/trust/root-edit.js';
import type { Signer } from '../../../src/lib/trust/signer.js';
import {
  requireRole,
  type SignedDigest,
  satisfiedRoles,
  type Trust,
  trustKeys,
} from '../../../src/lib/trust/trust-policy.js';
import { faultySigner, inAYear, inTwoYears, newSigner, now, rootOf, successorOf } from './keys.js';

const digest = createHash('sha256').update('metadata').digest();
const [ann, ben, eve, stranger] = [newSigner(), newSigner(), newSigner(), newSigner()] as const;
const demo = newSigner({ isTest: true });
const keys = (...signers: Signer[]) => signers.map(({ publicKey }) => publicKey);

async function signedBy(...signers: Signer[]): Promise<SignatureEnvelope> {
  const signatures = await Promise.all(signers.map((each) => createSignature(METADATA_PAYLOAD_TYPE, digest, each)));
  return { payloadType: METADATA_PAYLOAD_TYPE, signatures: mergeSignatures([], signatures) };
}

function judge(trust: Trust, envelope: SignatureEnvelope, changes: Partial<SignedDigest> = {}) {
  const payloadType = METADATA_PAYLOAD_TYPE;
  return satisfiedRoles(trust, {
    payloadType,
    digest,
    envelope,
    now,
    allowTestKeys: false,
    name: 'app.ota',
    ...changes,
  });
}

const refusal = (code: string, fact = '') =>
  expect.objectContaining({ code, exitCode: 3, message: expect.stringContaining(fact) });

describe('satisfiedRoles with plain keys', () => {
  test('one of two keys is enough for a threshold of one; a stranger is ignored', async () => {
    const [verdict] = judge(trustKeys(keys(ann, ben)), await signedBy(ann, stranger));
    expect(verdict).toEqual({
      role: 'release:*',
      threshold: 1,
      keyids: [ann.publicKey.keyid],
      ignored: [{ keyid: stranger.publicKey.keyid, reason: 'unknown key' }],
    });
  });

  test('no signature', async () => {
    expect(() => judge(trustKeys(keys(ann)), { payloadType: METADATA_PAYLOAD_TYPE, signatures: [] })).toThrow(
      refusal('SIGNATURE_MISSING', 'app.ota: carries no signature'),
    );
  });

  test('signed, but no key was given', async () => {
    const envelope = await signedBy(ann);
    expect(() => judge(trustKeys([]), envelope)).toThrow(refusal('KEY_MISSING'));
  });

  test('signed by nobody who is trusted', async () => {
    const envelope = await signedBy(stranger);
    expect(() => judge(trustKeys(keys(ann)), envelope)).toThrow(refusal('KEY_UNTRUSTED', stranger.publicKey.keyid));
  });

  test('one of two', async () => {
    const envelope = await signedBy(ann, stranger);
    expect(() => judge(trustKeys(keys(ann, ben), { threshold: 2 }), envelope)).toThrow(
      refusal('SIGNATURE_THRESHOLD', '1 trusted signatures, expected 2 of 2'),
    );
  });

  test('a bad signature of a trusted key is never outweighed by good ones', async () => {
    const { signatures } = await signedBy(ann);
    const faulty = faultySigner(ben);
    const bad = { keyid: ben.publicKey.keyid, sig: await faulty.sign(Buffer.from('x')) };
    const envelope = { payloadType: METADATA_PAYLOAD_TYPE, signatures: mergeSignatures(signatures, [bad]) };
    expect(() => judge(trustKeys(keys(ann, ben)), envelope)).toThrow(refusal('SIGNATURE_INVALID', ben.publicKey.keyid));
    // of a stranger nothing can be said
    expect(judge(trustKeys(keys(ann)), envelope)).toHaveLength(1);
  });

  test('a key given twice counts once', async () => {
    expect(() => trustKeys(keys(ann, ann), { threshold: 2 })).toThrow(expect.objectContaining({ code: 'USAGE' }));
    const { signatures } = await signedBy(ann);
    const envelope = { payloadType: METADATA_PAYLOAD_TYPE, signatures: [...signatures, ...signatures] };
    expect(() => judge(trustKeys(keys(ann, ben), { threshold: 2 }), envelope)).toThrow(refusal('SIGNATURE_THRESHOLD'));
  });

  test.each([0, -1, 1.5, 3, Number.NaN])('a threshold of %d for two keys is refused', (threshold) => {
    expect(() => trustKeys(keys(ann, ben), { threshold })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('another digest, another payload type', async () => {
    const envelope = await signedBy(ann);
    const other = createHash('sha256').update('other').digest();
    expect(() => judge(trustKeys(keys(ann)), envelope, { digest: other })).toThrow(refusal('SIGNATURE_INVALID'));
    expect(() => judge(trustKeys(keys(ann)), envelope, { payloadType: ROOT_PAYLOAD_TYPE })).toThrow(
      refusal('SIGNATURE_INVALID'),
    );
  });

  test('a test key counts only where it is allowed', async () => {
    const envelope = await signedBy(demo);
    expect(() => judge(trustKeys(keys(demo)), envelope)).toThrow(refusal('KEY_IS_TEST', demo.publicKey.keyid));
    expect(judge(trustKeys(keys(demo)), envelope, { allowTestKeys: true })).toHaveLength(1);
  });

  test('a test key does not fill up a threshold', async () => {
    const envelope = await signedBy(ann, demo);
    expect(() => judge(trustKeys(keys(ann, demo), { threshold: 2 }), envelope)).toThrow(refusal('KEY_IS_TEST'));
    expect(judge(trustKeys(keys(ann, demo)), envelope)[0]?.ignored).toEqual([
      { keyid: demo.publicKey.keyid, reason: 'test key' },
    ]);
  });
});

describe('satisfiedRoles with a trust root', () => {
  test('each product has its own keys; what signs one does not sign the other', async () => {
    const first = await rootOf({ root: [eve], release: [ann], product: 'meter' });
    const trust = trustRoot(await successorOf(first, [addKey('release:pump', ben.publicKey)], [eve]));
    const verdicts = judge(trust, await signedBy(ben));
    expect(verdicts.map(({ role }) => role)).toEqual(['release:pump']);
    expect(requireRole(trust, verdicts, 'pump', 'app.ota').keyids).toEqual([ben.publicKey.keyid]);
    expect(() => requireRole(trust, verdicts, 'meter', 'app.ota')).toThrow(
      refusal('ROLE_UNTRUSTED', 'is for product "meter", but its signatures count for release:pump'),
    );
    expect(() => requireRole(trust, verdicts, 'unknown', 'app.ota')).toThrow(refusal('ROLE_UNTRUSTED'));
  });

  test('a root key does not sign packages', async () => {
    const trust = trustRoot(await rootOf({ root: [eve], release: [ann] }));
    const envelope = await signedBy(eve);
    expect(() => judge(trust, envelope)).toThrow(refusal('KEY_UNTRUSTED'));
  });

  test('a key stops counting at the instant it expires', async () => {
    const first = await rootOf({ root: [eve], release: [ann], expiresAt: inTwoYears });
    const add = addKey('release:meter', ben.publicKey, { expiresAt: inAYear });
    const trust = trustRoot(await successorOf(first, [add], [eve]));
    const envelope = await signedBy(ben);
    expect(judge(trust, envelope, { now: new Date(inAYear.getTime() - 1) })).toHaveLength(1);
    expect(() => judge(trust, envelope, { now: inAYear })).toThrow(refusal('KEY_EXPIRED', '2027-06-01'));
  });

  test('an expired root says nothing any more, whoever signed', async () => {
    const trust = trustRoot(await rootOf({ root: [eve], release: [ann] }));
    const envelope = await signedBy(ann);
    expect(judge(trust, envelope, { now: new Date(inAYear.getTime() - 1) })).toHaveLength(1);
    expect(() => judge(trust, envelope, { now: inAYear })).toThrow(refusal('ROOT_EXPIRED'));
  });

  test('the error is that of the role that came closest', async () => {
    const first = await rootOf({ root: [eve], release: [ann, ben], releaseThreshold: 2 });
    const trust = trustRoot(await successorOf(first, [addKey('release:pump', demo.publicKey)], [eve]));
    const envelope = await signedBy(ann);
    expect(() => judge(trust, envelope)).toThrow(refusal('SIGNATURE_THRESHOLD', 'release:meter'));
  });
});

test('--product pins what plain keys may sign', async () => {
  const trust = trustKeys(keys(ann), { product: 'meter' });
  const verdicts = judge(trust, await signedBy(ann));
  expect(requireRole(trust, verdicts, 'meter', 'app.ota').role).toBe('release:meter');
  expect(() => requireRole(trust, verdicts, 'pump', 'app.ota')).toThrow(refusal('ROLE_UNTRUSTED'));
});
