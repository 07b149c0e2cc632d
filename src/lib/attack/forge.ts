import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.js';
import type { Metadata } from '../package/metadata.js';
import { encodeSignatureEnvelope, METADATA_PAYLOAD_TYPE, pae, type Signature } from '../trust/dsse.js';
import type { AttackCase, CaseTrust, Expectation } from './attack-case.js';
import { type AttackKey, attackKey } from './attack-key.js';
import type { Specimen } from './specimen.js';
import { type TarEntry, tarBytes } from './tar-bytes.js';

/** The parts of a package, any of which may be forged. */
export interface PackageParts {
  metadata: Uint8Array;
  /** Signed by the release key where absent. */
  signature?: Uint8Array;
  /** `root.N.json` by N. */
  roots?: readonly (readonly [number, Uint8Array])[];
  payloads?: readonly { file: string; bytes: Uint8Array }[];
}

/** What every attack works with: the specimen and the throw-away keys that sign its copies. */
export class Forge {
  readonly specimen: Specimen;
  /** Signs packages; every verifier trusts it unless a case says otherwise. */
  readonly release: AttackKey;
  readonly #seed: string;

  constructor(specimen: Specimen, seed: string) {
    this.specimen = specimen;
    this.#seed = seed;
    this.release = this.key('release');
  }

  /** Another throw-away key. */
  key(name: string): AttackKey {
    return attackKey(this.#seed, name);
  }

  get releaseTrust(): CaseTrust {
    return { keys: [this.release.publicFile] };
  }

  /** Canonical metadata bytes of the specimen, or of an edited copy. */
  metadata(edit: (draft: Metadata) => void = () => undefined): Buffer {
    const draft = structuredClone(this.specimen.metadata);
    edit(draft);
    return canonicalJson(draft);
  }

  /** Place of the specimen's payload in its metadata. */
  get payloadIndex(): number {
    return this.specimen.metadata.payloads.findIndex(({ file }) => file === this.specimen.payload.file);
  }

  /** signature.json over these metadata bytes. */
  signature(metadata: Uint8Array, keys: readonly AttackKey[] = [this.release]): Buffer {
    return envelopeBytes(keys.map((key) => signatureBy(key, metadata)));
  }

  /** The entries of a package in their order. Parts that are absent are those of the specimen. */
  entries({ metadata, signature, roots = [], payloads }: PackageParts): TarEntry[] {
    return [
      { name: 'metadata.json', bytes: metadata },
      { name: 'signature.json', bytes: signature ?? this.signature(metadata) },
      ...roots.map(([version, bytes]) => ({ name: `root.${version}.json`, bytes })),
      ...(payloads ?? [this.specimen.payload]).map(({ file, bytes }) => ({ name: file, bytes })),
    ];
  }

  package(parts: PackageParts): Buffer {
    return tarBytes(this.entries(parts));
  }

  /** A case that is refused (or accepted) the same way by `verify` and by `apply`. */
  case(
    row: number,
    name: string,
    code: Expectation,
    change: string,
    bytes: Uint8Array,
    trust: CaseTrust = this.releaseTrust,
  ): AttackCase {
    const { applicable, base } = this.specimen;
    // Whatever is refused before payloads are looked at needs no base image.
    const reachesPayload = code === 'OK' || code === 'PAYLOAD_MISMATCH';
    return {
      row,
      name,
      change,
      bytes,
      trust,
      ...(base === undefined ? {} : { base }),
      verify: code,
      ...(reachesPayload && !applicable ? {} : { apply: code }),
    };
  }
}

export function packageDigestOf(metadata: Uint8Array): Buffer {
  return createHash('sha256').update(metadata).digest();
}

export function signatureBy(key: AttackKey, metadata: Uint8Array): Signature {
  return { keyid: key.publicKey.keyid, sig: key.sign(pae(METADATA_PAYLOAD_TYPE, packageDigestOf(metadata))) };
}

/** signature.json with these signatures, sorted as a reader expects them. */
export function envelopeBytes(signatures: readonly Signature[]): Buffer {
  return encodeSignatureEnvelope({
    payloadType: METADATA_PAYLOAD_TYPE,
    signatures: signatures.toSorted((a, b) => (a.keyid < b.keyid ? -1 : 1)),
  });
}

/** A copy with one bit flipped. */
export function flipBit(bytes: Uint8Array, position: number, bit = 0): Buffer {
  const copy = Buffer.from(bytes);
  copy[position]! ^= 1 << bit;
  return copy;
}
