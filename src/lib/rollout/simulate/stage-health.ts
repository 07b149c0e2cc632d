import { randomNumbers } from '../../core/random-numbers.js';
import type { HealthRule } from '../health-rule.js';
import type { Measurement } from '../observation.js';
import type { FleetModel } from './fleet-model.js';
import type { FleetCount } from './virtual-fleet.js';

/**
 * What devices of a stage that have the update tell about their health. Messages and errors add up from look to look, so
 * that windows which overlap see the same ones.
 */
export class StageHealth {
  readonly #model: FleetModel;
  readonly #random: () => number;
  /** Milliseconds since 1970, and all messages and errors up to then. */
  readonly #times: number[] = [];
  readonly #messages: number[] = [];
  readonly #errors: number[] = [];
  #count: Readonly<FleetCount> | undefined;

  constructor(model: FleetModel, seed: number) {
    this.#model = model;
    this.#random = randomNumbers(seed);
  }

  /** Looks; between two looks everything counts as it was at the first of them. */
  observe(now: number, count: FleetCount): void {
    const before = this.#times.at(-1);
    const hours = before === undefined ? 0 : (now - before) / 3_600_000;
    const { messagesPerHour, errors } = this.#model.telemetry;
    const { installed = 0, bad = 0, silent = 0 } = this.#count ?? {};
    const good = messagesPerHour * hours * (installed - bad);
    const harmed = messagesPerHour * hours * (bad - silent);
    this.#times.push(now);
    this.#messages.push((this.#messages.at(-1) ?? 0) + good + harmed);
    this.#errors.push((this.#errors.at(-1) ?? 0) + this.#drawn(good, errors.after) + this.#drawn(harmed, errors.bad));
    this.#count = { ...count };
  }

  /** @returns undefined where nothing was told */
  measure({ of }: Pick<HealthRule, 'of'>, windowSeconds: number): Measurement | undefined {
    const { offline, telemetry } = this.#model;
    const { installed = 0, silent = 0 } = this.#count ?? {};
    if (of.kind === 'offline') {
      if (installed === 0) return undefined;
      const away = silent + offline.share * (installed - silent);
      return { value: (100 * away) / installed, sample: installed, control: 100 * offline.share };
    }
    const { messages, errors } = this.#within(windowSeconds);
    const sample = Math.floor(messages);
    if (sample === 0) return undefined;
    if (of.kind === 'errorRate') {
      return { value: Math.min(100, (100 * errors) / messages), sample, control: 100 * telemetry.errors.before };
    }
    const metric = metricOf(this.#model, of);
    return metric && { value: metric.after, sample, control: metric.before };
  }

  #within(windowSeconds: number): { messages: number; errors: number } {
    const from = (this.#times.at(-1) ?? 0) - windowSeconds * 1000;
    let at = this.#times.length - 1;
    while (at > 0 && this.#times[at]! > from) at--;
    const last = this.#times.length - 1;
    if (last < 0) return { messages: 0, errors: 0 };
    return {
      messages: this.#messages[last]! - this.#messages[at]!,
      errors: this.#errors[last]! - this.#errors[at]!,
    };
  }

  /** How many of so many messages tell of an error: binomial, by Poisson where few do, else by the normal distribution. */
  #drawn(messages: number, share: number): number {
    const mean = messages * share;
    if (mean === 0) return 0;
    if (mean < 30) return Math.min(messages, this.#poisson(mean));
    const radius = Math.sqrt(-2 * Math.log(1 - this.#random()));
    const normal = radius * Math.cos(2 * Math.PI * this.#random());
    return Math.min(messages, Math.max(0, Math.round(mean + normal * Math.sqrt(mean * (1 - share)))));
  }

  #poisson(mean: number): number {
    const limit = Math.exp(-mean);
    let product = this.#random();
    let drawn = 0;
    for (; product > limit; drawn++) product *= this.#random();
    return drawn;
  }
}

/** What a model says of a metric. */
export function metricOf(
  { telemetry: { metrics } }: FleetModel,
  { path }: Extract<HealthRule['of'], { kind: 'metric' }>,
): { before: number; after: number } | undefined {
  const name = path.join('.');
  return Object.hasOwn(metrics, name) ? metrics[name] : undefined;
}
