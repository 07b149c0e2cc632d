import { OtaError } from '../core/errors.js';
import type { Machine } from '../device/machine.js';
import type { Disk } from './disk.js';
import type { Experiment } from './experiment.js';
import type { PlannedFault } from './faults.js';
import { firmwareBehaviour, type Life, type Step } from './life.js';
import type { RecordedOperation } from './operation.js';
import type { Phase } from './scenario.js';
import { SimulatedFs, type SimulatedFsOptions } from './simulated-fs.js';
import type { StepTraces, TracedCall } from './step-traces.js';
import type { BootOutcome, DeviceFacts } from './updater.js';

/** What had happened in a step when an operation began, or when the step ended. */
export interface StepProgress {
  /** Boots of firmware that did not do well. */
  badRuns: number;
  fetchedBytes: number;
  /** Bytes written to slots. */
  slotBytes: number;
}

/** An operation of a life that was watched. */
export interface WatchedOperation extends RecordedOperation {
  progress: StepProgress;
}

/** One step of a life, from its machine alone. */
export interface StepRun extends StepProgress {
  disk: Disk;
  operationCount: number;
  /** Releases whose firmware was started, in order. */
  ran: string[];
  /** Of a boot that started something: what the device tells then, or why it cannot. */
  outcome?: BootOutcome;
  facts?: DeviceFacts | OtaError | Error;
  /** What the step failed with. */
  error?: Error;
  isCut: boolean;
  faultHappened: boolean;
}

/** What is remembered of steps that were run. */
export type Traces = StepTraces<StepProgress, Omit<StepRun, 'disk'>>;

export interface StepOptions {
  cutAt?: number;
  fault?: PlannedFault;
  /** Steps known so far. */
  traces?: Traces;
}

/** Runs the next step of a life. Whatever the updater throws is part of the result. */
export async function runStep(
  experiment: Experiment,
  phase: Phase,
  life: Life,
  { cutAt, fault, traces }: StepOptions = {},
): Promise<{ run: StepRun; operations: WatchedOperation[] }> {
  const known = traces && (await repeated(experiment, phase, life, traces));
  if (known !== undefined) return known;
  const { updater, geometry, clock } = experiment;
  const { disk, memory } = life;
  const operations: WatchedOperation[] = [];
  const calls: TracedCall<StepProgress>[] = [];
  const progress: StepProgress = { badRuns: 0, fetchedBytes: 0, slotBytes: 0 };
  const onCall: SimulatedFsOptions['onCall'] = (call) =>
    calls.push(call.kind === 'change' ? { ...call, progress: { ...progress } } : call);
  const fs = new SimulatedFs(disk, {
    geometry,
    ...(cutAt === undefined ? {} : { cutAt }),
    ...(fault === undefined ? {} : { fault }),
    ...(traces === undefined ? {} : { onCall }),
    onOperation: (operation) => {
      operations.push({ ...operation, progress: { ...progress } });
      if (operation.kind === 'write' && operation.file.endsWith('.image')) progress.slotBytes += operation.length ?? 0;
    },
  });
  const machine: Machine = { fs, clock };
  const ran: string[] = [];
  const behaviourOf = (release: string) => {
    ran.push(release);
    if (release !== experiment.new.digest) return 'good';
    const behaviour = firmwareBehaviour(phase, memory, progress.badRuns);
    if (behaviour !== 'good') progress.badRuns++;
    return behaviour;
  };
  const delivery = {
    data: experiment.package,
    onFetched: (bytes: number) => {
      progress.fetchedBytes += bytes;
    },
  };
  const steps: Record<Step, () => Promise<unknown>> = {
    boot: () => updater.boot(machine, behaviourOf),
    download: () => updater.download(machine, delivery),
    install: () => updater.install(machine, delivery),
    confirm: () => updater.confirm(machine),
    rollback: () => updater.rollback(machine),
  };
  const result = await caught(steps[memory.next as Step]);
  const failed = result instanceof Error;
  const outcome = failed || memory.next !== 'boot' ? undefined : (result as BootOutcome);
  const afterwards = new SimulatedFs(fs.disk, { geometry, ...(traces === undefined ? {} : { onCall }) });
  const facts = outcome && (await caught(() => updater.facts({ fs: afterwards, clock })));
  const rest: Omit<StepRun, 'disk'> = {
    ...progress,
    operationCount: fs.operationCount,
    ran,
    isCut: fs.isCut,
    faultHappened: fs.faultHappened,
    ...(failed ? { error: result } : {}),
    ...(outcome === undefined ? {} : { outcome }),
    ...(facts === undefined ? {} : { facts }),
  };
  // A change that the storage refused may be taken elsewhere: then nothing is known of what follows.
  const changes = calls.filter(({ kind }) => kind === 'change').length;
  if (changes === fs.operationCount) traces?.add(traceName(phase, life, experiment), calls, rest);
  return { run: { ...rest, disk: fs.disk }, operations };
}

async function repeated(
  experiment: Experiment,
  phase: Phase,
  life: Life,
  traces: Traces,
): Promise<{ run: StepRun; operations: WatchedOperation[] } | undefined> {
  const operations: WatchedOperation[] = [];
  let progress: StepProgress | undefined;
  const fs = new SimulatedFs(life.disk, {
    geometry: experiment.geometry,
    onOperation: (operation) => operations.push({ ...operation, progress: progress! }),
  });
  const known = await traces.repeat(traceName(phase, life, experiment), fs, (before) => {
    progress = before;
  });
  return known && { run: { ...known.result, disk: fs.disk }, operations };
}

/** All that a step depends on beside the disk: for a boot, how the firmware would behave. */
export function traceName(phase: Phase, { memory }: Life, { bootAttempts }: Experiment): string {
  if (memory.next !== 'boot') return memory.next;
  const boots = Array.from({ length: bootAttempts + 1 }, (_, boot) => firmwareBehaviour(phase, memory, boot));
  return `boot ${boots.join()}`;
}

async function caught<T>(work: () => Promise<T>): Promise<T | Error> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

export function isRefusal(error: Error): error is OtaError {
  return error instanceof OtaError;
}
