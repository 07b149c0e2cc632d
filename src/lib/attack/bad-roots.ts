import { ROOT_ROLE, releaseRole } from '../trust/role-name.js';
import type { AttackCase, Expectation } from './attack-case.js';
import { otherProduct } from './bad-signatures.js';
import { type Forge, flipBit } from './forge.js';
import { LONG_AGO, RootForge } from './root-forge.js';

/** Rows 4, 5, 6 and 7 as far as trust roots are concerned, and their controls in row 0. */
export function* badRoots(forge: Forge): Generator<AttackCase> {
  const roots = new RootForge(forge);
  yield* controls(roots);
  yield* keysByRoot(roots);
  yield* badRotations(roots);
  yield* badAnchors(roots);
}

function* controls(roots: RootForge): Generator<AttackCase> {
  yield roots.anchored(0, 'trust-root', 'OK', 'signed by the key that a trust root names', roots.first);
  yield roots.successor(0, 'trust-root-rotated', 'OK', 'the container brings the next trust root', [
    [2, roots.signed(roots.second, roots.all)],
  ]);
}

function* keysByRoot(roots: RootForge): Generator<AttackCase> {
  const { forge, first, second, role } = roots;
  const { release } = forge;
  const { keyid } = release.publicKey;
  const stranger = forge.key('stranger');

  const expired = structuredClone(first);
  expired.keys[keyid]!.expiresAt = LONG_AGO;
  yield roots.anchored(4, 'expired-key', 'KEY_EXPIRED', 'the trust root says that the key has expired', expired);
  yield roots.anchored(
    4,
    'key-of-no-role',
    'KEY_UNTRUSTED',
    'the trust root trusts another key for this product',
    roots.withRole(first, role, [stranger]),
  );
  yield roots.successor(4, 'revoked-key', 'KEY_UNTRUSTED', 'the next trust root, in the container, drops the key', [
    [2, roots.signed(roots.withRole(second, role, [stranger]), roots.all)],
  ]);

  yield roots.anchored(
    5,
    'root-threshold',
    'SIGNATURE_THRESHOLD',
    'the trust root demands two keys, one of them signed',
    roots.withRole(first, role, [release, stranger], 2),
  );
  yield roots.anchored(
    5,
    'root-lists-key-twice',
    'ROOT_INVALID',
    'the role of the trust root lists one key twice',
    roots.withRole(first, role, [release, release], 2),
  );
  const alias = 'f'.repeat(64);
  const twoNames = structuredClone(first);
  twoNames.keys[alias] = twoNames.keys[keyid]!;
  twoNames.roles[role] = { keyids: [keyid, alias], threshold: 2 };
  yield roots.anchored(5, 'root-two-names', 'ROOT_INVALID', 'one key stands under two key ids', twoNames);

  const { [role]: releaseKeys, ...otherRoles } = first.roles;
  yield roots.anchored(6, 'role-of-another-product', 'ROLE_UNTRUSTED', 'the key is trusted for another product', {
    ...first,
    roles: { ...otherRoles, [releaseRole(otherProduct(forge))]: releaseKeys! },
  });
  const metadata = forge.metadata();
  yield forge.case(
    6,
    'root-key-signs-package',
    'KEY_UNTRUSTED',
    'the package is signed by a key whose role is to sign trust roots',
    forge.package({ metadata, signature: forge.signature(metadata, [roots.a]) }),
    roots.firstTrust,
  );
}

function* badRotations(roots: RootForge): Generator<AttackCase> {
  const { a, b, c, all, second, role } = roots;
  const next = (name: string, code: Expectation, change: string, bytes: Uint8Array): AttackCase =>
    roots.successor(7, name, code, change, [[2, bytes]]);
  const withThreshold = (threshold: number) => {
    const root = structuredClone(second);
    root.roles[ROOT_ROLE]!.threshold = threshold;
    return roots.signed(root, all);
  };

  yield next('old-threshold', 'ROOT_ROTATION', 'one of the two old keys has not signed', roots.signed(second, [b, c]));
  yield next('new-threshold', 'ROOT_ROTATION', 'the new key has not signed', roots.signed(second, [a, b]));
  yield next('unsigned', 'ROOT_ROTATION', 'nobody has signed root.2.json', roots.signed(second, []));
  const lowered = roots.signed(second, all).toString().replace('"threshold": 2', '"threshold": 1');
  yield next('changed', 'ROOT_ROTATION', 'a threshold was lowered after signing', Buffer.from(lowered));
  yield next(
    'other-version-inside',
    'ROOT_ROTATION',
    'root.2.json is version 3',
    roots.signed({ ...second, version: 3 }, all),
  );
  yield next(
    'version-again',
    'ROOT_ROTATION',
    'root.2.json is version 1 again',
    roots.signed({ ...second, version: 1 }, all),
  );
  yield next(
    'expired',
    'ROOT_EXPIRED',
    'the last trust root of the chain has expired',
    roots.signed({ ...second, expiresAt: LONG_AGO }, all),
  );
  yield next('not-json', 'JSON_INVALID', 'root.2.json is no JSON', Buffer.from('root'));
  yield next('unreachable', 'ROOT_INVALID', 'three of two keys must sign the root after it', withThreshold(3));
  yield next('threshold-zero', 'ROOT_INVALID', 'nobody needs to sign the root after it', withThreshold(0));
  yield next(
    'without-root-role',
    'ROOT_INVALID',
    'no role could ever replace it',
    roots.signed({ ...second, roles: { [role]: second.roles[role]! } }, all),
  );

  // Enrolling a key costs milliseconds, and the keys of an unverified root are enrolled before its signatures are checked.
  const crowd = Array.from({ length: 63 }, (_, index) => roots.forge.key(`crowd-${index}`));
  const crowded = (count: number) => roots.withRole(second, 'release:crowd', crowd.slice(0, count));
  yield next(
    '64-keys',
    'ROOT_ROTATION',
    'it holds as many keys as it may, and nobody has signed it',
    roots.signed(crowded(61), []),
  );
  yield next('66-keys', 'ROOT_INVALID', 'it holds more keys than it may', roots.signed(crowded(63), all));

  const good = roots.signed(second, all);
  yield roots.successor(7, 'version-skipped', 'ROOT_ROTATION', 'root.3.json comes without root.2.json', [
    [3, roots.signed({ ...second, version: 3 }, all)],
  ]);
  yield roots.successor(7, 'gap', 'CONTAINER_INVALID', 'root.4.json follows root.2.json in the container', [
    [2, good],
    [4, roots.signed({ ...second, version: 4 }, all)],
  ]);
  yield roots.successor(7, 'twice', 'CONTAINER_INVALID', 'root.2.json stands twice in the container', [
    [2, good],
    [2, good],
  ]);
}

function* badAnchors(roots: RootForge): Generator<AttackCase> {
  const { forge, a, b, first } = roots;
  const valid = forge.package({ metadata: forge.metadata() });
  const good = roots.signed(first, [a, b]);
  const year = good.indexOf('"expiresAt": "') + '"expiresAt": "'.length;
  const anchors: [string, Expectation, string, Uint8Array][] = [
    ['anchor-unsigned', 'SIGNATURE_MISSING', 'carries no signature', roots.signed(first, [])],
    ['anchor-half-signed', 'SIGNATURE_THRESHOLD', 'is signed by one of its two keys', roots.signed(first, [a])],
    ['anchor-changed', 'SIGNATURE_INVALID', 'had its expiry changed after signing', flipBit(good, year)],
    ['anchor-expired', 'ROOT_EXPIRED', 'has expired', roots.signed({ ...first, expiresAt: LONG_AGO }, [a, b])],
    [
      'anchor-without-keys',
      'ROOT_INVALID',
      'does not hold the keys it lists',
      roots.signed({ ...first, keys: {} }, [a, b]),
    ],
  ];
  for (const [name, code, what, bytes] of anchors) {
    const change = `the package is valid, the trust root given to the verifier ${what}`;
    yield forge.case(7, name, code, change, valid, roots.trust(name, bytes));
  }
}
