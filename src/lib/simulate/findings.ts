import type { Broken } from './invariants.js';

/** A fault of a life: at an operation or, for damage to storage at rest, before a step; both counted from birth. */
export type Fault = { operation: number; model: string } | { step: number; model: string };

export interface FoundViolation extends Broken {
  faults: readonly Fault[];
}

/** What becomes of a life from one point on, when nothing more happens to it. */
export interface Ending {
  /** Boots until the present phase has reached its goal. */
  boots: number;
  operations: number;
  slotBytes: number;
  fetchedBytes: number;
  /** What the next boot starts. */
  firstBoot: 'old' | 'new' | 'none';
  violation?: Broken;
}

/** Bytes that a life has cost so far. */
export interface Spent {
  /** Written to slots. */
  slotBytes: number;
  fetchedBytes: number;
}

/** What faults did to the lives that they hit. */
export interface Findings {
  faultPoints: number;
  /** Those among them that were the second in their life. */
  pairs: number;
  /** Digests of the lives that they led to. */
  states: Set<string>;
  bootedOld: number;
  bootedNew: number;
  worstBoots: number;
  rewrittenBytes: number;
  refetchedBytes: number;
  /** Fault points with a violation. */
  violated: number;
  /** For each invariant, the one with the fewest faults and, among those, the first. */
  violations: FoundViolation[];
}

export function noFindings(): Findings {
  return {
    faultPoints: 0,
    pairs: 0,
    states: new Set(),
    bootedOld: 0,
    bootedNew: 0,
    worstBoots: 0,
    rewrittenBytes: 0,
    refetchedBytes: 0,
    violated: 0,
    violations: [],
  };
}

/** Counts one fault point. @param wasted bytes more than the life without faults costs */
export function count(findings: Findings, state: string, ending: Ending, wasted: Spent): void {
  findings.faultPoints++;
  findings.states.add(state);
  if (ending.firstBoot === 'old') findings.bootedOld++;
  if (ending.firstBoot === 'new') findings.bootedNew++;
  findings.worstBoots = Math.max(findings.worstBoots, ending.boots);
  findings.rewrittenBytes = Math.max(findings.rewrittenBytes, wasted.slotBytes);
  findings.refetchedBytes = Math.max(findings.refetchedBytes, wasted.fetchedBytes);
}

export function countViolation(findings: Findings, violation: FoundViolation): void {
  findings.violated++;
  keepShortest(findings.violations, violation);
}

/** Adds what was found elsewhere. */
export function addFindings(sum: Findings, more: Findings): void {
  sum.faultPoints += more.faultPoints;
  sum.pairs += more.pairs;
  for (const state of more.states) sum.states.add(state);
  sum.bootedOld += more.bootedOld;
  sum.bootedNew += more.bootedNew;
  sum.worstBoots = Math.max(sum.worstBoots, more.worstBoots);
  sum.rewrittenBytes = Math.max(sum.rewrittenBytes, more.rewrittenBytes);
  sum.refetchedBytes = Math.max(sum.refetchedBytes, more.refetchedBytes);
  sum.violated += more.violated;
  for (const violation of more.violations) keepShortest(sum.violations, violation);
}

function keepShortest(violations: FoundViolation[], violation: FoundViolation): void {
  const at = violations.findIndex(({ invariant }) => invariant === violation.invariant);
  if (at < 0) violations.push(violation);
  else if (isShorter(violation.faults, violations[at]!.faults)) violations[at] = violation;
}

function isShorter(a: readonly Fault[], b: readonly Fault[]): boolean {
  if (a.length !== b.length) return a.length < b.length;
  const place = (faults: readonly Fault[]) =>
    faults.map((fault) => ('operation' in fault ? fault.operation : fault.step));
  const [one, other] = [place(a), place(b)];
  const differs = one.findIndex((operation, index) => operation !== other[index]);
  return differs >= 0 && one[differs]! < other[differs]!;
}

/** @param run a step that was run to its end */
export function spentAfter(
  spent: Spent & { operations: number },
  run: Spent & { operationCount: number },
): Spent & { operations: number } {
  return { ...spentBefore(spent, { progress: run }), operations: spent.operations + run.operationCount };
}

/** @param operation where a step was interrupted */
export function spentBefore({ slotBytes, fetchedBytes }: Spent, { progress }: { progress: Spent }): Spent {
  return { slotBytes: slotBytes + progress.slotBytes, fetchedBytes: fetchedBytes + progress.fetchedBytes };
}
