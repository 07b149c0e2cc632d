import { OtaError } from '../core/errors.js';
import type { Pacing } from '../net/pacing.js';
import { chanceOf } from './chance.js';
import { type Conduct, decide, isSettled } from './decide.js';
import type { Outcome, Step, VirtualDevice } from './device.js';
import { DueQueue } from './due-queue.js';
import type { Performer } from './perform.js';
import { areIdle, type SwarmEvent, swarmProgress } from './swarm-report.js';
import type { Tally } from './tally.js';
import type { TelemetryLink } from './telemetry-link.js';
import { type DeviceMessage, measurement, updateStatus } from './telemetry-message.js';

export interface SwarmRun {
  devices: VirtualDevice[];
  conduct: Conduct;
  performer: Performer;
  /** Absent: devices send no telemetry. */
  telemetry: TelemetryLink | undefined;
  tally: Tally;
  time: Pacing;
  /** The address that is told when nobody answers. */
  serverName: string;
  /** Ends the run when no device had anything to do for so long. */
  untilIdleMs: number | undefined;
  durationMs: number | undefined;
  /** Longest time in which no request succeeds. */
  patienceMs: number;
  signal: AbortSignal;
  onEvent(event: SwarmEvent): void;
}

type Due =
  | { readonly what: 'step'; readonly index: number }
  | { readonly what: 'telemetry'; readonly index: number }
  | { readonly what: 'tick' };

const TICK_MS = 1000;
const TICK: Due = { what: 'tick' };

/**
 * Lets devices live until the time is over, there is nothing left to do, or somebody stops it. One timer for all of
 * them; a device has at most one request under way.
 *
 * @throws OtaError NETWORK_FAILED, AUTHENTICATION_FAILED, HTTP_STATUS: no device gets served; of status 6
 */
export class Swarm {
  readonly #run: SwarmRun;
  readonly #queue = new DueQueue<Due>();
  readonly #steps: Step[];
  readonly #steady: Due[];
  readonly #messages: Uint32Array;
  readonly #polledMs: Float64Array;
  readonly #startedMs: number;
  #activeMs: number;
  /** Since when every request has failed. */
  #failingSinceMs: number | undefined;
  #wasServed = false;
  #tickMs: number;
  #tickPolls = 0;
  #sleepsUntilMs = 0;
  #wake: () => void = () => {};
  #isOver = false;
  #failure: unknown;
  readonly #living = new Set<Promise<void>>();

  constructor(run: SwarmRun) {
    this.#run = run;
    const { devices, time } = run;
    this.#steps = devices.map(() => ({ do: 'poll' }));
    this.#steady = devices.map((_, index) => ({ what: 'step', index }));
    this.#messages = new Uint32Array(devices.length);
    this.#polledMs = new Float64Array(devices.length).fill(Number.NEGATIVE_INFINITY);
    this.#startedMs = time.monotonicMs();
    this.#activeMs = this.#startedMs;
    this.#tickMs = this.#startedMs;
  }

  get seconds(): number {
    return (this.#run.time.monotonicMs() - this.#startedMs) / 1000;
  }

  async live(): Promise<void> {
    const { signal } = this.#run;
    this.#schedule();
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      while (!this.#isOver && !signal.aborted) {
        this.#startDue();
        await this.#sleep();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when no device has a request under way; call it once they were interrupted. */
  async settled(): Promise<void> {
    await Promise.all(this.#living);
  }

  #schedule(): void {
    const { devices, conduct, telemetry } = this.#run;
    const { profile, seed } = conduct;
    const startMs = profile.poll.startSeconds * 1000;
    const everyMs = this.#telemetryMs;
    for (const { id, index } of devices) {
      this.#queue.add(this.#steady[index]!, this.#startedMs + startMs * chanceOf(seed, id, 'start'));
      if (telemetry === undefined || everyMs === undefined) continue;
      const first = Math.min(everyMs, startMs + everyMs) * chanceOf(seed, id, 'first message');
      this.#queue.add({ what: 'telemetry', index }, this.#startedMs + first);
    }
    this.#queue.add(TICK, this.#startedMs + TICK_MS);
  }

  get #telemetryMs(): number | undefined {
    const { perMinute } = this.#run.conduct.profile.telemetry;
    return perMinute === 0 ? undefined : 60_000 / perMinute;
  }

  #startDue(): void {
    const { time, tally } = this.#run;
    const nowMs = time.monotonicMs();
    for (let due = this.#queue.take(nowMs); due !== undefined && !this.#isOver; due = this.#queue.take(nowMs)) {
      const { item, dueMs } = due;
      if (item.what === 'tick') this.#tick(nowMs);
      else if (item.what === 'telemetry') this.#measure(item, dueMs);
      else {
        tally.lag.add(nowMs - dueMs);
        this.#begin(item.index);
      }
    }
  }

  async #sleep(): Promise<void> {
    const { time } = this.#run;
    if (this.#isOver || this.#run.signal.aborted) return;
    const untilMs = this.#queue.nextMs ?? time.monotonicMs() + TICK_MS;
    this.#sleepsUntilMs = untilMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = new AbortController();
    const slept = time.delay(Math.max(0, untilMs - time.monotonicMs()), timer.signal).catch(() => {});
    await Promise.race([promise, slept]);
    timer.abort();
  }

  #add(due: Due, dueMs: number): void {
    this.#queue.add(due, dueMs);
    if (dueMs < this.#sleepsUntilMs) this.#wake();
  }

  #begin(index: number): void {
    const life: Promise<void> = this.#liveOn(index)
      .catch((error: unknown) => {
        if (this.#isOver || this.#run.signal.aborted) return; // its request was interrupted
        this.#end(error);
      })
      .finally(() => this.#living.delete(life));
    this.#living.add(life);
  }

  /** One device, step by step, until it has to wait. */
  async #liveOn(index: number): Promise<void> {
    const { devices, conduct, performer, time, signal } = this.#run;
    for (;;) {
      const [device, step] = [devices[index]!, this.#steps[index]!];
      const outcome = await performer.perform(device, step);
      if (this.#isOver || signal.aborted) return;
      this.#notice(step, outcome);
      const decision = decide(device, step, outcome, conduct);
      devices[index] = decision.device;
      this.#steps[index] = decision.step;
      const nowMs = time.monotonicMs();
      if (step.do === 'poll' && decision.device.failures === 0) this.#polledMs[index] = nowMs;
      if (isBusy(device, step) || isBusy(decision.device, decision.step)) this.#activeMs = nowMs;
      if (device.action !== undefined && decision.device.action?.id !== device.action.id) {
        await performer.forgetDownload(device);
      }
      if (decision.ended !== undefined) this.#ended(decision.device, decision.ended);
      if (decision.inMs > 0) {
        this.#add(this.#steady[index]!, nowMs + decision.inMs);
        return;
      }
    }
  }

  #notice(step: Step, outcome: Outcome): void {
    if (step.do === 'boot' || step.do === 'install') return;
    if (outcome.type === 'failed') {
      if (outcome.status === undefined) this.#failingSinceMs ??= this.#run.time.monotonicMs();
      return;
    }
    this.#wasServed = true;
    this.#failingSinceMs = undefined;
  }

  #ended(device: VirtualDevice, ended: Parameters<typeof updateStatus>[1]): void {
    const { tally, telemetry, time, onEvent } = this.#run;
    tally.updates[ended.result]++;
    onEvent({ type: 'update', device: device.id, ...ended });
    if (telemetry !== undefined) this.#tell(updateStatus(device, ended, time.now()), ended.action);
  }

  #measure(due: Extract<Due, { what: 'telemetry' }>, dueMs: number): void {
    const { devices, conduct, time } = this.#run;
    const device = devices[due.index]!;
    const count = this.#messages[due.index]!++;
    // A device that is gone sends nothing; what it measured meanwhile is lost.
    if (device.contact !== 'offline') this.#tell(measurement(conduct, device, count, time.now()), count);
    this.#queue.add(due, dueMs + this.#telemetryMs!);
  }

  #tell(message: DeviceMessage, occasion: string | number): void {
    const { conduct, telemetry, tally } = this.#run;
    tally.telemetry.messages++;
    telemetry!.send(message);
    const isTwice = chanceOf(conduct.seed, message.device, 'twice', occasion);
    if (isTwice >= conduct.profile.telemetry.duplicates) return;
    tally.telemetry.repeated++;
    telemetry!.send(message);
  }

  #tick(nowMs: number): void {
    const { devices, tally, telemetry, untilIdleMs, durationMs, onEvent } = this.#run;
    telemetry?.flush();
    const polls = tally.countOf('poll');
    const pollsPerSecond = Math.round(((polls - this.#tickPolls) * 1000) / Math.max(1, nowMs - this.#tickMs));
    [this.#tickMs, this.#tickPolls] = [nowMs, polls];
    onEvent({ type: 'progress', ...swarmProgress(devices, tally, { seconds: this.seconds, pollsPerSecond }) });
    const isIdle = untilIdleMs !== undefined && nowMs - this.#activeMs >= untilIdleMs;
    const isLate = durationMs !== undefined && nowMs - this.#startedMs >= durationMs;
    const failure = this.#unserved(nowMs);
    if (failure !== undefined) this.#end(failure);
    else if (isLate || (isIdle && areIdle(devices, this.#polledMs, this.#activeMs))) this.#end();
    // Ticks that were missed are not made up for.
    else this.#queue.add(TICK, nowMs + TICK_MS);
  }

  /** A swarm that nobody serves is a mistake, and says so. */
  #unserved(nowMs: number): OtaError | undefined {
    const { devices, tally, serverName, patienceMs } = this.#run;
    const areAll = (contact: VirtualDevice['contact']) =>
      !this.#wasServed && devices.every((device) => device.contact === contact);
    if (areAll('refused')) {
      return new OtaError('AUTHENTICATION_FAILED', `${serverName}: the server refuses the tokens of all devices`, [
        'Use --register, --tokens-file or --gateway-token-env, and check that the server accepts that kind of token.',
      ]);
    }
    if (areAll('unknown')) {
      const [most = ''] = Object.keys(tally.errors);
      return new OtaError('HTTP_STATUS', `${serverName}: the server serves none of the devices (${most})`, [
        'Check the address and --tenant; --register makes devices known.',
      ]);
    }
    if (nowMs - (this.#failingSinceMs ?? nowMs) <= patienceMs) return undefined;
    const fact = `no device has had an answer for ${Math.round(patienceMs / 1000)} s`;
    return new OtaError('NETWORK_FAILED', `${serverName}: ${fact}`, ['Check the address and that the server runs.']);
  }

  #end(failure?: unknown): void {
    this.#failure ??= failure;
    this.#isOver = true;
    this.#wake();
  }
}

/** Whether a device has something to do beside asking for it. One that is stuck asks again and again, for nothing. */
function isBusy(device: VirtualDevice, step: Step): boolean {
  return !isSettled(device) || (step.do !== 'poll' && device.action === undefined);
}
