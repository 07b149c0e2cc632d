import { clipText, escapeText } from '../../core/text.js';
import type { FleetDriver } from '../../fleet-api/driver.js';
import type { AuthenticPackage } from '../../package/authenticate.js';
import type { WantedStage } from '../../rollout/assemble-plan.js';
import type { Candidate } from '../../rollout/place-devices.js';
import type { RolloutPlan } from '../../rollout/plan.js';
import type { CohortFacts } from './device-cohorts.js';
import { COUNTER_RAISED } from './way-back.js';

/** As long as a plan takes. */
const MAX_NOTE_LENGTH = 1_024;

/** What whoever reads a plan should know before it starts, a sentence each. */
export function planNotes({
  candidates,
  cohorts,
  fullFallbacks,
  pkg,
  driver,
  stages,
  onAbort,
}: {
  candidates: readonly Candidate[];
  cohorts: readonly CohortFacts[];
  fullFallbacks: number;
  pkg: AuthenticPackage;
  driver: FleetDriver;
  stages: readonly Pick<WantedStage, 'gates'>[];
  onAbort: RolloutPlan['onAbort'];
}): string[] {
  const sizes = new Array<number>(cohorts.length).fill(0);
  for (const { cohort } of candidates) sizes[cohort]!++;
  const count = (holds: (cohort: CohortFacts) => boolean): number =>
    cohorts.reduce((sum, cohort, at) => sum + (holds(cohort) ? sizes[at]! : 0), 0);
  const { securityCounter } = pkg.metadata;
  const notes: string[] = [];
  const isRaised = (reason: string | null) => reason?.startsWith(COUNTER_RAISED) ?? false;
  const raised = count(({ cannotReturn }) => isRaised(cannotReturn));
  if (raised > 0) {
    notes.push(
      `the update is irreversible for ${devices(raised)}: once confirmed, security counter ${securityCounter} refuses what they run now`,
    );
  }
  const stuck = new Map<string, number>();
  for (const [at, { cannotReturn }] of cohorts.entries()) {
    if (cannotReturn !== null && !isRaised(cannotReturn))
      stuck.set(cannotReturn, (stuck.get(cannotReturn) ?? 0) + sizes[at]!);
  }
  for (const [reason, number] of [...stuck].filter(([, number]) => number > 0)) {
    const what = onAbort === 'rollback' ? 'a rollback leaves them where they are' : 'they could not be rolled back';
    notes.push(`${devices(number)} cannot go back: ${reason}; ${what}`);
  }
  if (fullFallbacks > 0) {
    notes.push(`a full image goes to ${devices(fullFallbacks)}, because no delta of the package fits what they run`);
  }
  if (driver.capabilities.campaigns && stages.some(({ gates }) => gates.some(({ type }) => type === 'command'))) {
    notes.push('a gate runs a command, which the server never does: start it with --local');
  }
  if (!driver.capabilities.cuts) {
    notes.push(
      `${escapeText(driver.address)} does not cut packages and tells no attributes of devices: each is counted with the whole file, ` +
        'and whether it takes the package is known when it answers',
    );
    return notes.map(clippedNote);
  }
  const silent = count(({ delivery }) => delivery === 'unknown');
  if (silent > 0) {
    notes.push(
      `what ${devices(silent)} run is not known: counted with the whole file, and whether they take it is known when they answer`,
    );
  }
  return notes.map(clippedNote);
}

function clippedNote(note: string): string {
  return clipText(note, MAX_NOTE_LENGTH);
}

function devices(count: number): string {
  return count === 1 ? '1 device' : `${count.toLocaleString('en-US')} devices`;
}
