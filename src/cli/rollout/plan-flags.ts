import { Flags } from '@oclif/core';
import { DEFAULT_STAGES } from '../../lib/rollout/stage-choice.js';
import { noFullFallbackFlag } from '../package-flags.js';
import type { PlanSettings } from './plan-settings.js';

const DEVICES = 'DEVICES';
const STAGES = 'STAGES';
const PACE = 'PACE';
const GATES = 'GATES';
const END = 'FAILURE';

/** What is decided in a plan. A plan.yaml says the same by the same names, and what is typed goes before it. */
export const planFlags = {
  target: Flags.string({
    summary: 'Devices that are meant: all, group:NAME or FIQL (docs/filters.md).',
    helpValue: 'DEVICES',
    helpGroup: DEVICES,
  }),
  where: Flags.string({
    summary: "Devices for which this holds: model=x, tag!=canary, 'version<2.1'. Repeatable.",
    helpValue: 'CONDITION',
    helpGroup: DEVICES,
    multiple: true,
    multipleNonGreedy: true,
  }),
  exclude: Flags.string({
    summary: 'Devices that never get it, as in --target or --where.',
    helpValue: 'DEVICES',
    helpGroup: DEVICES,
  }),
  hold: Flags.string({
    summary: 'Devices that are held back for now.',
    helpValue: 'DEVICES',
    helpGroup: DEVICES,
  }),
  'include-busy': Flags.boolean({
    summary: 'Also devices that are on their way to something else.',
    helpGroup: DEVICES,
  }),
  'include-refused': Flags.boolean({
    summary: 'Also devices that are expected to refuse it.',
    helpGroup: DEVICES,
  }),
  'no-full-fallback': { ...noFullFallbackFlag, helpGroup: DEVICES },

  stages: Flags.string({
    summary: `Shares with those before (5%), numbers (10), group:NAME, where:FILTER or @FILE [default: ${DEFAULT_STAGES}].`,
    helpValue: 'LIST',
    helpGroup: STAGES,
  }),
  canary: Flags.string({
    summary: 'Devices that go first, in stages that are shares or numbers.',
    helpValue: 'DEVICES',
    helpGroup: STAGES,
  }),
  spread: Flags.string({
    summary: 'Spread each stage over these, also group, attribute.KEY and metadata.KEY [default: model,version].',
    helpValue: 'LABELS',
    helpGroup: STAGES,
  }),
  seed: Flags.integer({
    summary: 'Choose devices by this number instead of by the package.',
    helpValue: 'N',
    min: 0,
    helpGroup: STAGES,
  }),
  'small-stages': Flags.string({
    summary: 'What becomes of a stage that is too small for its gate [default: merge].',
    options: ['merge', 'approve', 'refuse'],
    helpGroup: STAGES,
  }),

  'start-at': Flags.string({
    summary: 'Begin the first stage no earlier: 2026-01-05T22:00:00+01:00.',
    helpValue: 'TIME',
    helpGroup: PACE,
  }),
  window: Flags.string({
    summary: "Devices install only then: '0 0 3 * * ? for 2h at +01:00' (Quartz cron).",
    helpValue: 'WINDOW',
    helpGroup: PACE,
  }),
  rate: Flags.string({
    summary: 'Give it to so many devices at most: 100/min, 50/h.',
    helpValue: 'RATE',
    helpGroup: PACE,
  }),
  'rate-growth': Flags.string({
    summary: 'Multiply the rate by this (1 to 5) whenever all devices that were given it have ended well.',
    helpValue: 'FACTOR',
    helpGroup: PACE,
  }),

  success: Flags.string({
    summary: 'A stage passes when so many are certain to succeed [default: 95%]; none: without that.',
    helpValue: 'PERCENT',
    helpGroup: GATES,
  }),
  completed: Flags.string({
    summary: 'It is judged when so many of its devices have ended [default: 90%, of the last stage all].',
    helpValue: 'PERCENT',
    helpGroup: GATES,
  }),
  failure: Flags.string({
    summary: 'It fails when more are certain to fail, or are stuck [default: 5%]; none: without that.',
    helpValue: 'PERCENT',
    helpGroup: GATES,
  }),
  confidence: Flags.string({
    summary: 'How certain, from 50 to 99.99 % [default: 95%].',
    helpValue: 'PERCENT',
    helpGroup: GATES,
  }),
  stuck: Flags.string({
    summary: 'A device that tells nothing for so long is stuck [default: 24h]; none: never.',
    helpValue: 'DURATION',
    helpGroup: GATES,
  }),
  soak: Flags.string({
    summary: 'How long a stage has to stay good before the next one [default: 24h]; none: not at all.',
    helpValue: 'DURATION',
    helpGroup: GATES,
  }),
  health: Flags.string({
    summary: "What telemetry has to say: 'errorRate < 1%', 'p95(latencyMs) < 120% of control'. Repeatable.",
    helpValue: 'RULE',
    helpGroup: GATES,
    multiple: true,
    multipleNonGreedy: true,
  }),
  probe: Flags.string({
    summary: "What an address has to say: URL, or 'URL /json/pointer < 0.01'. Repeatable.",
    helpValue: 'PROBE',
    helpGroup: GATES,
    multiple: true,
    multipleNonGreedy: true,
  }),
  approval: Flags.boolean({
    summary: 'Somebody has to approve each stage before the next one.',
    helpGroup: GATES,
  }),

  'on-failure': Flags.string({
    summary: 'What a gate does that fails [default: pause].',
    options: ['pause', 'abort'],
    helpGroup: END,
  }),
  'on-abort': Flags.string({
    summary: 'What becomes of devices that have it when it is aborted [default: stop].',
    options: ['stop', 'rollback'],
    helpGroup: END,
  }),
  webhook: Flags.string({
    summary: 'Tell each decision of a gate to this address.',
    helpValue: 'URL',
    helpGroup: END,
  }),
  'allowed-drift': Flags.string({
    summary: 'Start also when so many devices are new, gone or changed by then [default: 1%].',
    helpValue: 'PERCENT',
    helpGroup: END,
  }),
};

/** Flags that settings of the same name come from; those of a session and of trust are not among them. */
const NAMES = [...Object.keys(planFlags), 'name', 'package'] as (keyof PlanSettings)[];

/** What was typed goes before what a file says. @returns also which settings were typed */
export function mergedSettings(
  flags: Readonly<Record<string, unknown>>,
  file: PlanSettings,
): { settings: PlanSettings; typed: ReadonlySet<string> } {
  const given = NAMES.filter((name) => flags[name] !== undefined && flags[name] !== false);
  const settings = { ...file, ...Object.fromEntries(given.map((name) => [name, flags[name]])) };
  return { settings: settings as PlanSettings, typed: new Set(given) };
}
