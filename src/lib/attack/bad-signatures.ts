import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.js';
import { METADATA_PAYLOAD_TYPE, pae, ROOT_PAYLOAD_TYPE, signaturesToJson } from '../trust/dsse.js';
import type { AttackCase } from './attack-case.js';
import type { AttackKey } from './attack-key.js';
import { encodePoint } from './bad-public-keys.js';
import { envelopeBytes, type Forge, packageDigestOf, signatureBy } from './forge.js';

/** Order of the base point (RFC 8032, section 5.1). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** Row 3: signatures that a lax verifier takes for good, and such as are none. */
export function* malleableSignatures(forge: Forge): Generator<AttackCase> {
  const metadata = forge.metadata();
  const { keyid, sig } = signatureBy(forge.release, metadata);
  const s = fromLittleEndian(sig.subarray(32));
  const variants: [string, string, Uint8Array][] = [
    ['s-plus-l', 'S + L in the place of S', Buffer.concat([sig.subarray(0, 32), littleEndian(s + L)])],
    ['s-all-ones', 'S is 2^256 - 1', Buffer.concat([sig.subarray(0, 32), Buffer.alloc(32, 0xff)])],
    [
      'r-non-canonical',
      'R is the neutral point under its forbidden second name',
      neutralSignature(forge.release, metadata),
    ],
    ['63-bytes', 'the last byte is missing', sig.subarray(0, 63)],
    ['65-bytes', 'one byte is appended', Buffer.concat([sig, Buffer.alloc(1)])],
    ['empty', 'it is empty', Buffer.alloc(0)],
    ['zeros', 'all bytes are zero', Buffer.alloc(64)],
  ];
  for (const [name, what, forged] of variants) {
    yield forge.case(
      3,
      name,
      'SIGNATURE_INVALID',
      `signature by the right key, but ${what}`,
      forge.package({ metadata, signature: envelopeBytes([{ keyid, sig: forged }]) }),
    );
  }
  const unpadded = canonicalJson({
    payloadType: METADATA_PAYLOAD_TYPE,
    signatures: [{ keyid, sig: Buffer.from(sig).toString('base64url') }],
  });
  yield forge.case(
    3,
    'base64url',
    'SIGNATURE_INVALID',
    'the right signature in unpadded base64url',
    forge.package({ metadata, signature: unpadded }),
  );
}

/** Row 5: one key twice toward a threshold of two. */
export function* oneKeyTwice(forge: Forge): Generator<AttackCase> {
  const second = forge.key('second');
  const metadata = forge.metadata();
  const own = signatureBy(forge.release, metadata);
  const two = { keys: [forge.release.publicFile, second.publicFile], threshold: 2 };
  const twice = canonicalJson({ payloadType: METADATA_PAYLOAD_TYPE, signatures: signaturesToJson([own, own]) });
  yield forge.case(
    5,
    'same-signature-twice',
    'SIGNATURE_FILE_INVALID',
    'the same signature stands twice in signature.json; two of two keys must have signed',
    forge.package({ metadata, signature: twice }),
    two,
  );
  yield forge.case(
    5,
    'one-of-two',
    'SIGNATURE_THRESHOLD',
    'one of two keys signed; two must have',
    forge.package({ metadata }),
    two,
  );
  yield forge.case(
    5,
    'under-another-keyid',
    'SIGNATURE_INVALID',
    'the signature of one key stands a second time under the key id of the other',
    forge.package({ metadata, signature: envelopeBytes([own, { ...own, keyid: second.publicKey.keyid }]) }),
    two,
  );
}

/** Row 6: signatures that were given for something else. */
export function* signaturesForOtherThings(forge: Forge): Generator<AttackCase> {
  const metadata = forge.metadata();
  const { keyid } = forge.release.publicKey;
  yield forge.case(
    6,
    'pinned-to-another-product',
    'ROLE_UNTRUSTED',
    'the package is unchanged, the key is trusted for another product only',
    forge.package({ metadata }),
    { ...forge.releaseTrust, product: otherProduct(forge) },
  );
  yield forge.case(
    6,
    'signed-as-root',
    'SIGNATURE_INVALID',
    'the digest was signed with the payload type of trust roots',
    forge.package({
      metadata,
      signature: envelopeBytes([{ keyid, sig: forge.release.sign(pae(ROOT_PAYLOAD_TYPE, packageDigestOf(metadata))) }]),
    }),
  );
  yield forge.case(
    6,
    'payload-type-of-root',
    'SIGNATURE_FILE_INVALID',
    'signature.json has the payload type of trust roots',
    forge.package({
      metadata,
      signature: canonicalJson({
        payloadType: ROOT_PAYLOAD_TYPE,
        signatures: signaturesToJson([
          { keyid, sig: forge.release.sign(pae(ROOT_PAYLOAD_TYPE, packageDigestOf(metadata))) },
        ]),
      }),
    }),
  );
  const other = forge.metadata((draft) => {
    draft.version = '0.0.0-other';
  });
  yield forge.case(
    6,
    'of-another-package',
    'SIGNATURE_INVALID',
    'the signature is that of another package by the same key',
    forge.package({ metadata, signature: forge.signature(other) }),
  );
  yield forge.case(
    6,
    'over-the-bytes-themselves',
    'SIGNATURE_INVALID',
    'metadata.json itself was signed, without payload type and digest',
    forge.package({ metadata, signature: envelopeBytes([{ keyid, sig: forge.release.sign(metadata) }]) }),
  );
}

/** Row 4 and 8: keys that are unknown, of the wrong kind, or absent. */
export function* wrongKeys(forge: Forge): Generator<AttackCase> {
  const stranger = forge.key('stranger');
  const metadata = forge.metadata();
  const valid = forge.package({ metadata });
  yield forge.case(
    4,
    'unknown-key',
    'KEY_UNTRUSTED',
    'signed by a key that is not trusted',
    forge.package({ metadata, signature: forge.signature(metadata, [stranger]) }),
  );
  yield forge.case(
    8,
    'private-key-as-public',
    'KEY_INVALID',
    'the package is valid; a private key is given as the trusted public one, and must not be echoed',
    valid,
    { keys: [forge.release.privateFile] },
  );
  yield forge.case(
    8,
    'unsigned',
    'SIGNATURE_MISSING',
    'signature.json holds no signature',
    forge.package({ metadata, signature: envelopeBytes([]) }),
  );
  yield forge.case(8, 'no-key-given', 'KEY_MISSING', 'the package is valid; no trusted key is given', valid, {});
}

export function otherProduct(forge: Forge): string {
  return forge.specimen.metadata.product === 'other' ? 'another' : 'other';
}

/**
 * A signature by whoever has the key, with R = the neutral point written as y = p + 1 and S = h·a mod L.
 * It satisfies S·B = R + h·A, so only the canonical check on R refuses it.
 */
function neutralSignature(key: AttackKey, metadata: Uint8Array): Buffer {
  const r = encodePoint(2n ** 255n - 18n, 0);
  const scalar = createHash('sha512').update(key.secret).digest().subarray(0, 32);
  scalar[0]! &= 248;
  scalar[31]! = (scalar[31]! & 127) | 64;
  const message = pae(METADATA_PAYLOAD_TYPE, packageDigestOf(metadata));
  const h = createHash('sha512').update(r).update(key.publicKey.raw).update(message).digest();
  return Buffer.concat([r, littleEndian((fromLittleEndian(h) * fromLittleEndian(scalar)) % L)]);
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function littleEndian(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();
}
