import type { Observation, StageFigures } from '../../../src/lib/rollout/observation.js';

/** Figures of a stage that add up: `total` is what the others make unless it is given, and then the rest waits. */
export function figuresOf(given: Partial<StageFigures>): StageFigures {
  const counts = {
    waiting: 0,
    running: 0,
    stuck: 0,
    installed: 0,
    failed: 0,
    canceled: 0,
    already: 0,
    gone: 0,
    ...given,
  };
  const { total: _, ...parts } = { total: 0, ...counts };
  const sum = Object.values(parts).reduce((a, b) => a + b, 0);
  return given.total === undefined
    ? { ...parts, total: sum }
    : { ...parts, total: given.total, waiting: parts.waiting + given.total - sum };
}

/** What is seen of a stage that was started an hour ago. */
export function observationOf(figures: Partial<StageFigures>, given: Partial<Observation> = {}): Observation {
  const now = Date.UTC(2026, 0, 5, 6);
  return {
    now,
    startedAt: now - 3_600_000,
    goodSince: null,
    measurements: new Map(),
    probes: new Map(),
    isApproved: false,
    ...given,
    figures: figuresOf(figures),
  };
}
