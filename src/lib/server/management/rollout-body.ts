import type { ManagementRollout, ManagementRolloutGroup } from '../../wire/management.js';
import type { TenantSettings } from '../access/tenant-settings.js';
import { badRequest } from '../http/server-failure.js';
import {
  DEFAULT_CONDITIONS,
  type GroupConditions,
  type NewGroup,
  type NewRollout,
} from '../rollouts/create-rollout.js';
import { evenPercentages } from '../rollouts/group-plan.js';
import type { GroupRow, RolloutRow } from '../rollouts/rollout-facts.js';
import type { Figures } from '../rollouts/rollout-figures.js';
import type { LinkMaker } from './links.js';

/** A rollout as hawkBit writes it, with figures where they were counted. */
export function rolloutBody(
  rollout: RolloutRow,
  { link, details }: { link: LinkMaker; details?: { readonly figures: Figures; readonly groups: number } },
): object {
  const path = `/rollouts/${rollout.id}`;
  const verb = (name: string) => link(`${path}/${name}`);
  return {
    createdBy: rollout.created_by,
    createdAt: rollout.created_at,
    lastModifiedBy: rollout.decided_by ?? rollout.created_by,
    lastModifiedAt: rollout.updated_at,
    name: rollout.name,
    ...(rollout.description !== null && { description: rollout.description }),
    targetFilterQuery: rollout.query,
    distributionSetId: rollout.set_id,
    status: rollout.status,
    totalTargets: rollout.total_devices,
    ...(details && {
      totalTargetsPerStatus: targetsPerStatus(details.figures),
      alreadyAssigned: details.figures.alreadyAssigned,
      totalGroups: details.groups,
    }),
    ...(rollout.start_at !== null && { startAt: rollout.start_at }),
    deleted: rollout.deleted_at !== null,
    type: rollout.action_type,
    ...(rollout.forced_at !== null && { forcetime: rollout.forced_at }),
    ...(rollout.weight !== null && { weight: rollout.weight }),
    ...(rollout.decided_by !== null && { approveDecidedBy: rollout.decided_by }),
    ...(rollout.decision_remark !== null && { approvalRemark: rollout.decision_remark }),
    dynamic: false,
    id: rollout.id,
    _links: {
      self: link(path),
      ...(details && {
        start: verb('start'),
        pause: verb('pause'),
        resume: verb('resume'),
        stop: verb('stop'),
        triggerNextGroup: verb('triggerNextGroup'),
        approve: verb('approve'),
        deny: verb('deny'),
        groups: link(`${path}/deploygroups?offset=0&limit=50`),
        distributionset: link(`/distributionsets/${rollout.set_id}`),
      }),
    },
  };
}

/** A group of a rollout as hawkBit writes it. */
export function rolloutGroupBody(
  group: GroupRow,
  { rollout, link, figures }: { rollout: RolloutRow; link: LinkMaker; figures?: Figures | undefined },
): object {
  return {
    createdBy: rollout.created_by,
    createdAt: rollout.created_at,
    lastModifiedBy: rollout.created_by,
    lastModifiedAt: rollout.updated_at,
    name: group.name,
    ...(group.description !== null && { description: group.description }),
    status: group.status,
    targetPercentage: group.percentage,
    targetFilterQuery: group.query,
    totalTargets: group.total_devices,
    ...(figures && {
      totalTargetsPerStatus: targetsPerStatus(figures),
      alreadyAssigned: figures.alreadyAssigned,
    }),
    confirmationRequired: group.is_confirmation_required === 1,
    successCondition: { condition: 'THRESHOLD', expression: String(group.success_threshold) },
    successAction: { action: group.success_action.toUpperCase(), expression: '' },
    ...(group.error_threshold !== null && {
      errorCondition: { condition: 'THRESHOLD', expression: String(group.error_threshold) },
      errorAction: { action: 'PAUSE', expression: '' },
    }),
    dynamic: false,
    id: group.id,
    _links: { self: link(`/rollouts/${group.rollout_id}/deploygroups/${group.id}`) },
  };
}

/** hawkBit has no word for devices that had the set: they are finished there, and told apart beside it. */
function targetsPerStatus({ notstarted, scheduled, running, finished, error, cancelled, alreadyAssigned }: Figures) {
  return { notstarted, scheduled, running, finished: finished + alreadyAssigned, error, cancelled };
}

/**
 * What a body asks for.
 *
 * @throws ServerFailure 400: it contradicts itself, or wants what this server does not do
 */
export function newRollout(body: ManagementRollout, settings: TenantSettings): NewRollout {
  const { groups, amountGroups } = body;
  if (body.dynamic === true) {
    throw badRequest(
      'dynamic is true, but devices join a rollout here only when it is made; make a further one for new devices',
    );
  }
  if (groups !== undefined && amountGroups !== undefined) {
    throw badRequest('both groups and amountGroups are given, expected one of them');
  }
  const confirms = body.confirmationRequired ?? settings['user.confirmation.flow.enabled'];
  const conditions = conditionsOf(body, DEFAULT_CONDITIONS);
  return {
    name: body.name,
    description: body.description,
    setId: body.distributionSetId,
    query: body.targetFilterQuery,
    actionType: body.type ?? 'forced',
    forcedAt: body.forcetime,
    startAt: body.startAt,
    weight: body.weight,
    groups:
      groups?.map((group, index) => newGroup(group, { index, conditions, confirms })) ??
      evenGroups(amountGroups ?? 1, { conditions, confirms }),
  };
}

interface GroupDefaults {
  readonly conditions: GroupConditions;
  readonly confirms: boolean;
}

function newGroup(
  group: ManagementRolloutGroup,
  { index, conditions, confirms }: GroupDefaults & { index: number },
): NewGroup {
  return {
    name: group.name ?? `group-${index + 1}`,
    description: group.description,
    query: group.targetFilterQuery ?? '',
    percentage: group.targetPercentage ?? 100,
    isConfirmationRequired: group.confirmationRequired ?? confirms,
    ...conditionsOf(group, conditions),
  };
}

/** Groups of the same size; each but the first is of the devices that are left. */
export function evenGroups(count: number, { conditions, confirms }: GroupDefaults): NewGroup[] {
  return evenPercentages(count).map((percentage, index) => ({
    ...{ name: `group-${index + 1}`, query: '', percentage, isConfirmationRequired: confirms },
    ...conditions,
  }));
}

type WithConditions = Pick<ManagementRolloutGroup, 'successCondition' | 'successAction' | 'errorCondition'>;

function conditionsOf(
  { successCondition, successAction, errorCondition }: WithConditions,
  defaults: GroupConditions,
): GroupConditions {
  return {
    successThreshold: successCondition?.expression ?? defaults.successThreshold,
    successAction:
      successAction === undefined ? defaults.successAction : successAction.action === 'PAUSE' ? 'pause' : 'nextgroup',
    errorThreshold: errorCondition?.expression ?? defaults.errorThreshold,
  };
}
