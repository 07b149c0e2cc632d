import { expectTypeOf, test } from 'vitest';
import type { Refusal } from '../../../../src/lib/catalog/refusal.js';
import type { RollbackCandidate } from '../../../../src/lib/catalog/rollback-target.js';
import type { UpgradePath } from '../../../../src/lib/catalog/upgrade-path.js';
import type { RefusalJson, RollbackCandidateJson, UpgradePathJson } from '../../../../src/lib/wire/catalog.js';

/** What is not there is a failure over HTTP, and no answer. */
type Answered = Exclude<UpgradePath, { outcome: 'unknown' | 'unknown-channel' | 'ambiguous' }>;

// The compiler does the work: these lines do not compile when the two differ.
test('what the catalogue decides is what travels, with every reason', () => {
  expectTypeOf<Refusal>().toExtend<RefusalJson>();
  expectTypeOf<RefusalJson['code']>().toEqualTypeOf<Refusal['code']>();
  expectTypeOf<Answered>().toExtend<UpgradePathJson>();
  expectTypeOf<UpgradePathJson['outcome']>().toEqualTypeOf<Answered['outcome']>();
  expectTypeOf<RollbackCandidate>().toExtend<RollbackCandidateJson>();
});
