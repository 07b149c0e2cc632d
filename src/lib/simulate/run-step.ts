import { OtaError } from '../core/errors.js';
import type { Machine } from '../device/machine.js';
import type { Disk } from './disk.js';
import type { Experiment } from './experiment.js';
import type { PlannedFault } from './faults.js';
import { firmwareBehaviour, type Life, type Step } from './life.js';
import type { RecordedOperation } from './operation.js';
import type { Phase } from './scenario.js';
import { SimulatedFs } from './simulated-fs.js';
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

export interface StepOptions {
  cutAt?: number;
  fault?: PlannedFault;
  onOperation?: (operation: WatchedOperation) => void;
}

/** Runs the next step of a life. Whatever the updater throws is part of the result. */
export async function runStep(
  experiment: Experiment,
  phase: Phase,
  { disk, memory }: Life,
  { cutAt, fault, onOperation }: StepOptions = {},
): Promise<StepRun> {
  const { updater, geometry, clock } = experiment;
  const progress: StepProgress = { badRuns: 0, fetchedBytes: 0, slotBytes: 0 };
  const fs = new SimulatedFs(disk, {
    geometry,
    ...(cutAt === undefined ? {} : { cutAt }),
    ...(fault === undefined ? {} : { fault }),
    onOperation: (operation) => {
      onOperation?.({ ...operation, progress: { ...progress } });
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
  const afterwards: Machine = { fs: new SimulatedFs(fs.disk, { geometry }), clock };
  return {
    ...progress,
    disk: fs.disk,
    operationCount: fs.operationCount,
    ran,
    isCut: fs.isCut,
    faultHappened: fs.faultHappened,
    ...(failed ? { error: result } : {}),
    ...(outcome === undefined ? {} : { outcome, facts: await caught(() => updater.facts(afterwards)) }),
  };
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
