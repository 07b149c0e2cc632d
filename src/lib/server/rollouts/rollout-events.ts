import type { NewEvent } from '../events/event-log.js';
import type { GroupRow, RolloutRow } from './rollout-facts.js';
import type { Figures } from './rollout-figures.js';

/**
 * What watchers are told of a rollout: `{"event":"rollout","rollout":7,"name":"spring","status":"running","figures":{…}}`.
 *
 * @param reason why, where it is not an operator's wish: `errorCondition`, `successAction`, `successNotReached`, or a sentence
 */
export function rolloutEvent(
  rollout: Pick<RolloutRow, 'id' | 'tenant_id' | 'name'>,
  { status, now, figures, reason }: { status: string; now: number; figures?: Figures; reason?: string | undefined },
): NewEvent {
  return {
    tenantId: rollout.tenant_id,
    type: 'rollout',
    time: now,
    body: {
      ...{ event: 'rollout', rollout: rollout.id, name: rollout.name, status },
      ...(reason !== undefined && { reason }),
      ...(figures !== undefined && { figures }),
    },
  };
}

/** The same of one of its groups: `{"event":"group","rollout":7,"group":{"id":12,"name":"canary","position":0},…}`. */
export function groupEvent(
  rollout: Pick<RolloutRow, 'id' | 'tenant_id' | 'name'>,
  group: Pick<GroupRow, 'id' | 'name' | 'position'>,
  { status, now, figures, reason }: { status: string; now: number; figures?: Figures; reason?: string | undefined },
): NewEvent {
  return {
    tenantId: rollout.tenant_id,
    type: 'rollout',
    time: now,
    body: {
      ...{ event: 'group', rollout: rollout.id, name: rollout.name },
      ...{ group: { id: group.id, name: group.name, position: group.position }, status },
      ...(reason !== undefined && { reason }),
      ...(figures !== undefined && { figures }),
    },
  };
}
