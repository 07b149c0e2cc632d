import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.js';
import { pae, ROOT_PAYLOAD_TYPE } from '../trust/dsse.js';
import { spkiOf } from '../trust/public-key.js';
import { ROOT_ROLE, releaseRole } from '../trust/role-name.js';
import { encodeTrustRoot, ROOT_SPEC, type SignedRoot } from '../trust/root.js';
import type { AttackCase, CaseTrust, Expectation } from './attack-case.js';
import type { AttackKey } from './attack-key.js';
import type { Forge } from './forge.js';

export const LONG_AGO = '2020-01-01T00:00:00Z';
const FAR_FUTURE = '2099-01-01T00:00:00Z';

/** Trust roots made of throw-away keys: `a` and `b` must sign version 1, version 2 has `c` in the place of `a`. */
export class RootForge {
  readonly forge: Forge;
  /** The role that signs packages of the specimen's product. */
  readonly role: string;
  readonly a: AttackKey;
  readonly b: AttackKey;
  readonly c: AttackKey;
  readonly first: SignedRoot;
  readonly second: SignedRoot;

  constructor(forge: Forge) {
    this.forge = forge;
    this.role = releaseRole(forge.specimen.metadata.product);
    this.a = forge.key('root-a');
    this.b = forge.key('root-b');
    this.c = forge.key('root-c');
    this.first = this.#root(1, [this.a, this.b]);
    this.second = this.#root(2, [this.b, this.c]);
  }

  get all(): AttackKey[] {
    return [this.a, this.b, this.c];
  }

  /** The file `{"signed", "signatures"}`, signed by these keys whatever it says. */
  signed(signed: SignedRoot, keys: readonly AttackKey[]): Buffer {
    const digest = createHash('sha256').update(canonicalJson(signed)).digest();
    const signatures = keys
      .map((key) => ({ keyid: key.publicKey.keyid, sig: key.sign(pae(ROOT_PAYLOAD_TYPE, digest)) }))
      .sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
    return encodeTrustRoot({ signed, signatures });
  }

  /** The same root with other keys for one role. */
  withRole(root: SignedRoot, role: string, keys: readonly AttackKey[], threshold = 1): SignedRoot {
    return {
      ...root,
      keys: { ...root.keys, ...Object.fromEntries(keys.map(keyEntry)) },
      roles: { ...root.roles, [role]: { keyids: keys.map(({ publicKey }) => publicKey.keyid), threshold } },
    };
  }

  trust(name: string, bytes: Uint8Array): CaseTrust {
    return { root: { path: `roots/${name}.json`, bytes } };
  }

  /** Trust in version 1, signed by both of its keys. */
  get firstTrust(): CaseTrust {
    return this.trust('first', this.signed(this.first, [this.a, this.b]));
  }

  /** A valid package, judged by a first root that both of its keys have signed. */
  anchored(row: number, name: string, code: Expectation, change: string, root: SignedRoot): AttackCase {
    const bytes = this.forge.package({ metadata: this.forge.metadata() });
    return this.forge.case(row, name, code, change, bytes, this.trust(name, this.signed(root, [this.a, this.b])));
  }

  /** A valid package that carries successors of version 1, which the verifier trusts. */
  successor(
    row: number,
    name: string,
    code: Expectation,
    change: string,
    roots: readonly (readonly [number, Uint8Array])[],
  ): AttackCase {
    const bytes = this.forge.package({ metadata: this.forge.metadata(), roots });
    return this.forge.case(row, name, code, change, bytes, this.firstTrust);
  }

  #root(version: number, rootKeys: readonly AttackKey[]): SignedRoot {
    const empty = { spec: ROOT_SPEC, version, expiresAt: FAR_FUTURE, keys: {}, roles: {} } as const;
    return this.withRole(this.withRole(empty, ROOT_ROLE, rootKeys, 2), this.role, [this.forge.release]);
  }
}

function keyEntry({ publicKey }: AttackKey): [string, SignedRoot['keys'][string]] {
  return [
    publicKey.keyid,
    { algorithm: 'ed25519', publicKey: spkiOf(publicKey.raw).toString('base64'), test: true as const },
  ];
}
