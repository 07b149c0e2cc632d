import { OtaError } from '../core/errors.js';
import type { DriverSoftware, FleetDriver } from '../fleet-api/driver.js';
import type { CampaignEvent } from '../rollout/campaign-event.js';
import type { PortionState } from '../rollout/campaign-state.js';
import { portionThreshold } from '../rollout/error-threshold.js';
import type { RolloutPlan } from '../rollout/plan.js';
import { misreportOf, type PortionSight } from '../rollout/sighting.js';
import { namesIn, silentForMs } from './portion-devices.js';
import { serverTrouble } from './server-trouble.js';

export type Effect = 'prepare' | 'start' | 'hold' | 'continue' | 'stop';

/** Devices of a portion that have all ended say nothing new: it is asked for only so often, milliseconds. */
const ENDED_EVERY_MS = 60_000;
/** Where there are many, one of them so often: asked each minute, a thousand would be half a million requests. */
const ENDED_EACH_MS = 1_000;

/** Does at the server what the journal has announced. All of it may be done again: drivers do it once. */
export class PortionEffects {
  readonly #plan: RolloutPlan;
  readonly #driver: FleetDriver;
  #release: DriverSoftware | undefined;
  readonly #ended = new Map<string, { readonly at: number; readonly sight: PortionSight }>();

  constructor(plan: RolloutPlan, driver: FleetDriver) {
    this.#plan = plan;
    this.#driver = driver;
  }

  /** @returns what confirms it @throws OtaError those of the driver */
  async carryOut(kind: Effect, portion: PortionState, signal: AbortSignal): Promise<CampaignEvent> {
    const { name, ref } = portion;
    switch (kind) {
      case 'prepare':
        return { type: 'prepared', portion: name, ref: await this.#prepare(portion, signal) };
      case 'start':
        await this.#driver.start(ref!, signal);
        return { type: 'started', portion: name };
      case 'hold':
        await this.#hold(ref!, signal);
        return { type: 'held', portion: name };
      case 'continue':
        await this.#driver.resume(ref!, signal);
        return { type: 'started', portion: name };
      case 'stop':
        await this.#driver.stop(ref!, signal);
        return { type: 'stopped', portion: name };
    }
  }

  /** A stage that is given out slowly has many portions, most of which have ended. */
  async look(portion: PortionState, now: number, signal: AbortSignal): Promise<PortionSight> {
    const { name, ref, stage } = portion;
    const known = this.#ended.get(name);
    const everyMs = Math.max(ENDED_EVERY_MS, this.#ended.size * ENDED_EACH_MS);
    if (known !== undefined && now - known.at < everyMs) return known.sight;
    const sight = await this.#driver.progress(ref!, { silentForMs: silentForMs(this.#plan, stage), now }, signal);
    const { waiting, running, stuck } = sight.counts;
    const hasEnded = sight.status === 'finished' && waiting + running + stuck === 0;
    if (hasEnded && misreportOf(portion, sight) === undefined) this.#ended.set(name, { at: now, sight });
    else this.#ended.delete(name);
    return sight;
  }

  /** What the server has forgotten or does not want to hold is no reason to lose it: the campaign is paused all the same. */
  async #hold(ref: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#driver.pause(ref, signal);
    } catch (error) {
      const trouble = signal.aborted ? undefined : serverTrouble(error);
      if (trouble !== 'forgotten' && trouble !== 'refuses') throw error;
    }
  }

  async #prepare(portion: PortionState, signal: AbortSignal): Promise<string> {
    const { name, stage, software } = portion;
    const { product, version } = this.#plan.package;
    const devices = namesIn(this.#plan, portion);
    const window = stage === null ? null : this.#plan.stages[stage]!.window;
    if (window !== null && !this.#driver.capabilities.windows) {
      throw new OtaError('USAGE', `${this.#driver.address} cannot keep to the maintenance window of ${name}`);
    }
    return await this.#driver.prepare(
      {
        name,
        description: stage === null ? `Back from ${product} ${version}` : `${product} ${version}, stage ${stage + 1}`,
        software: software ?? (await this.#releaseAtServer(signal)),
        devices,
        // Devices that go back are never stopped halfway.
        errorThresholdPercent: stage === null ? 100 : portionThreshold(this.#plan.stages[stage]!, devices.length),
        window,
      },
      signal,
    );
  }

  async #releaseAtServer(signal: AbortSignal): Promise<DriverSoftware> {
    const { product, version, digest } = this.#plan.package;
    this.#release ??= await this.#driver.findSoftware({ product, version, digest }, signal);
    if (this.#release !== undefined) return this.#release;
    throw new OtaError('NOT_FOUND', `${product} ${version} is not at ${this.#driver.address}`, [
      'Send the package again.',
    ]);
  }
}
