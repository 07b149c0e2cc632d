import type { AttackCase } from './attack-case.js';
import { badContainers } from './bad-containers.js';
import { badMetadataFields } from './bad-metadata-fields.js';
import { badMetadataText } from './bad-metadata-text.js';
import { badOtadPatches } from './bad-otad-patches.js';
import { badPatches } from './bad-patches.js';
import { badPublicKeys } from './bad-public-keys.js';
import { badRoots } from './bad-roots.js';
import { malleableSignatures, oneKeyTwice, signaturesForOtherThings, wrongKeys } from './bad-signatures.js';
import { bitFlips } from './bit-flips.js';
import type { Forge } from './forge.js';

/** Every case, one at a time: a case holds a whole package. Not in the order of rows. */
export function* attackCases(forge: Forge): Generator<AttackCase> {
  yield forge.case(
    0,
    'valid',
    'OK',
    'signed again by the attack key, otherwise unchanged',
    forge.package({ metadata: forge.metadata() }),
  );
  yield* bitFlips(forge);
  yield* badPublicKeys(forge);
  yield* malleableSignatures(forge);
  yield* wrongKeys(forge);
  yield* oneKeyTwice(forge);
  yield* signaturesForOtherThings(forge);
  yield* badRoots(forge);
  yield* badMetadataText(forge);
  yield* badMetadataFields(forge);
  yield* badContainers(forge);
  yield* badPatches(forge);
  yield* badOtadPatches(forge);
}
