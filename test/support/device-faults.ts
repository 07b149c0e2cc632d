import { cp, readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { OtaError } from '../../src/lib/core/errors.js';
import { openDevice } from '../../src/lib/device/device.js';
import { deviceStatus } from '../../src/lib/device/device-status.js';
import { readHistory } from '../../src/lib/device/history.js';
import { openNodeMachine } from '../../src/lib/device/node-machine.js';
import { bootedRelease, settle } from './booted-release.js';
import { type CliResult, runCli } from './cli.js';
import type { Scenario } from './device-scenarios.js';
import { type DeviceStates, NEIGHBOUR_TEXT, NEIGHBOURS } from './device-states.js';
import {
  type FaultKind,
  type FileCall,
  faultsOf,
  NotInjectedError,
  recordFileCalls,
  runWithFault,
  TOKEN,
} from './file-calls.js';
import { type TestFolder, testFolder } from './folder.js';

export interface FaultPoint {
  call: FileCall;
  kind: FaultKind;
}

/** What a fault must never come to; `wrong` is a status, a claim, litter, or what comes of running again. */
export interface Harm {
  harm: 'unbootable' | 'mixed' | 'not injected' | 'wrong';
  what: string;
}

/** Every fault that a scenario can meet, and what it comes to. */
export interface FaultTrials {
  points: FaultPoint[];
  /** Several at a time. @returns harms, none */
  run(points: readonly FaultPoint[]): Promise<Harm[]>;
}

/** How the device is asked and the command repeated after the fault: as users do, or quicker, by the library alone. */
export type Aftermath = 'by command' | 'in process';

/** A download may yet come in other pieces than the one that was recorded, and then makes other calls. */
const ATTEMPTS = 3;

/** Folders in which every call counts. */
const WATCHED = ['device', 'tpm'];

export async function faultTrials(
  states: DeviceStates,
  scenario: Scenario,
  { aftermath }: { aftermath: Aftermath },
): Promise<FaultTrials> {
  const args = (folder: TestFolder) => scenario.args(folder.file('device'), states);
  await using first = await states.copy(scenario.from);
  await using second = await states.copy(scenario.from);
  await using third = await states.copy(scenario.from);
  const recording = await recordFileCalls([first, second, third], args, WATCHED);
  await settle(first.file('device'));
  const names = await namesIn(first);

  const runOne = async ({ call, kind }: FaultPoint): Promise<Harm[]> => {
    const harms: Harm[] = [];
    const report: Report = (harm, what) => {
      harms.push({
        harm,
        what: `${scenario.name}, ${kind} at ${call.syscall} ${call.ordinal} of ${call.files}: ${what}`,
      });
    };
    for (let attempt = 1; ; attempt++) {
      await using folder = await states.copy(scenario.from);
      try {
        const run = await runWithFault(folder, args(folder), recording, call, kind);
        judgeEnd(run, kind, report);
        await judgeDevice(folder, scenario, { states, run, aftermath }, report);
        await judgeTraces(folder, names, report);
      } catch (error) {
        const isMissed = error instanceof NotInjectedError;
        if (isMissed && attempt < ATTEMPTS) continue;
        report(isMissed ? 'not injected' : 'wrong', String(error));
      }
      return harms;
    }
  };
  return {
    points: recording.calls.flatMap((call) => faultsOf(call).map((kind) => ({ call, kind }))),
    run: (points) => inParallel(points, runOne),
  };
}

type Report = (harm: Harm['harm'], what: string) => void;

/** A killed process says nothing; a failing disk is status 6 and one sentence, unless it was of no consequence. */
function judgeEnd({ status, stdout, stderr }: CliResult, kind: FaultKind, report: Report): void {
  const isKilled = status === null && stdout === '';
  const isRefused = status === 6 && stdout === '' && /^error: [^\n]*\n( {2}→ [^\n]*\n)*$/.test(stderr);
  const isRight = kind.startsWith('killed') ? isKilled : isRefused || status === 0;
  if (!isRight) report('wrong', `ended with ${status}: ${stdout}${stderr}`);
}

/** The device boots one release or the other, as a whole; the same command, undisturbed, then ends well. */
async function judgeDevice(
  folder: TestFolder,
  scenario: Scenario,
  { states, run, aftermath }: { states: DeviceStates; run: CliResult; aftermath: Aftermath },
  report: Report,
): Promise<void> {
  const device = folder.file('device');
  const [status, repeat] =
    aftermath === 'by command'
      ? [() => statusOf(['device', 'status', device]), () => statusOf(scenario.args(device, states))]
      : [() => exitCodeOf(() => readStatus(device)), () => exitCodeOf(() => scenario.call(device, states))];

  const told = await status();
  if (told !== 0) report('wrong', `ota device status ends with ${told}`);

  await using copy = await testFolder();
  await cp(folder.path, copy.path, { recursive: true });
  const next = await bootedRelease(copy.file('device'), states.releases);
  if (next === 'unbootable' || next === 'mixed') report(next, 'at the next boot');
  else if (!scenario.boots.includes(next)) report('wrong', `boots the ${next} release`);
  const { claims = next } = scenario;
  if (run.status === 0 && claims !== next) report('wrong', `claims success and then boots the ${next} release`);

  const repeated = await repeat();
  if (!scenario.repeats.includes(repeated)) report('wrong', `run again, it ends with ${repeated}`);
  await settle(device);
  const last = await bootedRelease(device, states.releases);
  if (last === 'unbootable' || last === 'mixed') report(last, 'at the end');
  else if (last !== scenario.ends) report('wrong', `boots the ${last} release at the end`);
}

/** Nothing of others was touched, nothing was left behind, and no event was logged twice. */
async function judgeTraces(folder: TestFolder, names: string[], report: Report): Promise<void> {
  const left = await namesIn(folder);
  if (String(left) !== String(names)) report('wrong', `leaves ${left}; expected ${names}`);
  for (const file of NEIGHBOURS) {
    if ((await readFile(folder.file(file), 'utf8')) !== NEIGHBOUR_TEXT) report('wrong', `has changed ${file}`);
  }
  const name = folder.file('device');
  await using machine = await openNodeMachine(name);
  const sequences = (await readHistory(await openDevice(machine, name))).map(({ sequence }) => sequence);
  const isOrdered = sequences.every((sequence, index) => index === 0 || sequence > sequences[index - 1]!);
  if (!isOrdered) report('wrong', `has logged the events ${sequences}`);
}

async function readStatus(name: string): Promise<unknown> {
  await using machine = await openNodeMachine(name);
  return await deviceStatus(await openDevice(machine, name));
}

async function statusOf(args: string[]): Promise<number> {
  return (await runCli('ota', args)).status ?? -1;
}

async function exitCodeOf(work: () => Promise<unknown>): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    if (error instanceof OtaError) return error.exitCode;
    throw error;
  }
}

/** Without what each run makes anew: the snapshot of every try, and what a kill while a lock is taken leaves in nobody's way. */
async function namesIn(folder: TestFolder): Promise<string[]> {
  const lists = WATCHED.map(async (name) => (await readdir(folder.file(name))).map((file) => `${name}/${file}`));
  const names = (await Promise.all(lists)).flat();
  return names.filter((name) => !TOKEN.test(name) && !/\/snapshot\.\d+\.json$/.test(name)).sort();
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R[]>): Promise<R[]> {
  const results: R[] = [];
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) results.push(...(await work(item)));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}
