import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import type { FleetDevice, FleetDriver } from '../../fleet-api/driver.js';
import { parseDeviceChoice } from '../../query/device-choice.js';
import type { Filter } from '../../query/filter.js';
import type { WantedStage } from '../../rollout/assemble-plan.js';
import type { StageMembers } from '../../rollout/place-devices.js';
import type { StageChoice } from '../../rollout/stage-choice.js';
import { deviceIds, fiqlOf } from './choose-devices.js';

/** As somebody asks for it; a file that lists devices was read. */
export interface RequestedStage extends Omit<WantedStage, 'members'> {
  readonly choice:
    | Exclude<StageChoice, { kind: 'file' }>
    | { readonly kind: 'devices'; readonly ids: readonly string[] };
}

const MAX_NAME_LENGTH = 64;

/**
 * Finds out which devices groups and filters mean.
 *
 * @param devices all that match the target
 * @throws OtaError NOT_FOUND: a stage lists devices that are not among them
 */
export async function wantedStages(
  stages: readonly RequestedStage[],
  {
    driver,
    target,
    devices,
    signal,
  }: {
    driver: FleetDriver;
    target: Filter | undefined;
    devices: readonly FleetDevice[];
    signal?: AbortSignal | undefined;
  },
): Promise<WantedStage[]> {
  const names = new Set<string>();
  const wanted: WantedStage[] = [];
  for (const { choice, ...stage } of stages) {
    const name = freeName(stage.name, names);
    wanted.push({ ...stage, name, members: await membersOf(choice, name, { driver, target, devices, signal }) });
  }
  return wanted;
}

async function membersOf(
  choice: RequestedStage['choice'],
  stage: string,
  { driver, target, devices, signal }: Parameters<typeof wantedStages>[1],
): Promise<StageMembers> {
  switch (choice.kind) {
    case 'percent':
    case 'count':
      return choice;
    case 'group':
      return listed(devices.filter(({ group }) => group === choice.group).map(({ id }) => id));
    case 'where': {
      const where = fiqlOf(target, parseDeviceChoice(choice.filter));
      return { kind: 'listed', ids: await deviceIds(driver, where, signal) };
    }
    case 'devices': {
      const known = new Set(devices.map(({ id }) => id));
      const strangers = choice.ids.filter((id) => !known.has(id));
      if (strangers.length > 0) throw unknownDevices(stage, strangers);
      return listed(choice.ids);
    }
  }
}

function listed(ids: readonly string[]): StageMembers {
  return { kind: 'listed', ids: new Set(ids) };
}

/** A mistyped name is a device that nobody tries first. */
function unknownDevices(stage: string, ids: readonly string[]): OtaError {
  const some = ids.slice(0, 5).map(escapeText).join(', ');
  const more = ids.length > 5 ? ` and ${ids.length - 5} more` : '';
  const count = ids.length === 1 ? '1 device' : `${ids.length} devices`;
  return new OtaError(
    'NOT_FOUND',
    `stage ${escapeText(stage)} lists ${count} that the target does not have: ${some}${more}`,
    ['Correct the names, or widen the target.'],
  );
}

/** Two stages of ten devices are `10` and `10 (2)`. */
function freeName(name: string, taken: Set<string>): string {
  const short = name.slice(0, MAX_NAME_LENGTH);
  let free = short;
  for (let number = 2; taken.has(free); number++) {
    const suffix = ` (${number})`;
    free = short.slice(0, MAX_NAME_LENGTH - suffix.length) + suffix;
  }
  taken.add(free);
  return free;
}
