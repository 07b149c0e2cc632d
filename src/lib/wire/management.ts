import * as z from 'zod/mini';
import { deviceId } from './device-id.js';

/**
 * The bodies of Eclipse hawkBit's Management API that are sent to `/rest/v1`, as this server reads them: members nobody
 * knows are dropped, what is null counts as absent.
 *
 * @see https://eclipse.dev/hawkbit/apis/management_api/
 */

/** Most things that one request may make or change. */
export const MANAGEMENT_MAX_BATCH = 10_000;
export const MANAGEMENT_MAX_GROUPS = 500;
/** Most entries of a page, and what a page has unless said. */
export const MANAGEMENT_MAX_LIMIT = 500;
export const MANAGEMENT_DEFAULT_LIMIT = 50;

const optional = <T extends z.core.SomeType>(schema: T) =>
  z.optional(
    z.pipe(
      z.nullable(schema),
      z.transform((value) => value ?? undefined),
    ),
  );

/** PostgreSQL cannot store it. */
const noNul = z.refine<string>((value) => !value.includes('\0'), 'expected text without the character U+0000');
const text = (maxLength: number) => z.string().check(z.maxLength(maxLength), noNul);
const name = z.string().check(z.minLength(1), z.maxLength(128), noNul);
const version = z.string().check(z.minLength(1), z.maxLength(64), noNul);
const description = optional(text(512));
const key = z.string().check(z.regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits, _ . or -'));
const id = z.int().check(z.minimum(1));
const timeMs = z.int().check(z.minimum(0));
const batch = <T extends z.core.SomeType>(schema: T) =>
  z.array(schema).check(z.minLength(1), z.maxLength(MANAGEMENT_MAX_BATCH));
const query = z.string().check(z.minLength(1), z.maxLength(16 * 1024), noNul);
const colour = optional(text(16));

/** A token of a device that is given rather than generated. */
export const securityToken = z
  .string()
  .check(z.minLength(8), z.maxLength(128), z.regex(/^[\x21-\x7e]+$/, 'expected visible ASCII without spaces'));

const targetTexts = {
  description,
  address: optional(text(512)),
  group: optional(text(256)),
  securityToken: optional(securityToken),
  requestAttributes: optional(z.boolean()),
  /** This server knows no types of targets. */
  targetType: optional(z.int()),
};

/** One of `POST /targets` */
export const managementTarget = z.object({ controllerId: deviceId, name: optional(name), ...targetTexts });
export const managementTargets = batch(managementTarget);
/** `PUT /targets/{controllerId}` */
export const managementTargetChange = z.object({ name: optional(name), ...targetTexts });

export const managementMetadata = z.object({
  key: z.string().check(z.minLength(1), z.maxLength(128), noNul),
  value: text(4000),
});
/** `POST /targets/{controllerId}/metadata` */
export const managementMetadataList = batch(managementMetadata);
export const managementMetadataValue = z.object({ value: text(4000) });

export const controllerIds = z.array(deviceId).check(z.maxLength(MANAGEMENT_MAX_BATCH));
/** `POST /targets/{controllerId}/autoConfirm/activate` */
export const managementAutoConfirm = z.object({ initiator: optional(text(64)), remark: optional(text(512)) });

export const ACTION_TYPE_NAMES = ['forced', 'soft', 'timeforced', 'downloadonly'] as const;
const actionType = z.enum(ACTION_TYPE_NAMES);
const weight = optional(z.int().check(z.minimum(0), z.maximum(1000)));

export const maintenanceWindow = z.object({ schedule: text(128), duration: text(32), timezone: text(16) });
const assignment = {
  type: optional(actionType),
  forcetime: optional(timeMs),
  weight,
  confirmationRequired: optional(z.boolean()),
  maintenanceWindow: optional(maintenanceWindow),
};
/** `POST /targets/{controllerId}/assignedDS`: one, or an array of one. */
export const managementSetAssignment = z.object({ id, ...assignment });
export const managementSetAssignments = z.pipe(
  z.union([managementSetAssignment, z.array(managementSetAssignment).check(z.minLength(1), z.maxLength(8))]),
  z.transform((value) => (Array.isArray(value) ? value : [value])),
);
export type ManagementSetAssignment = z.output<typeof managementSetAssignment>;
/** `POST /distributionsets/{id}/assignedTargets` */
export const managementTargetAssignments = batch(z.object({ id: deviceId, ...assignment }));

/** `PUT /targets/{controllerId}/actions/{id}` */
export const managementActionChange = z.object({ forceType: z.literal('forced') });
/** `PUT /targets/{controllerId}/actions/{id}/confirmation` */
export const managementConfirmation = z.object({
  confirmation: z.enum(['confirmed', 'denied']),
  code: optional(z.int()),
  details: optional(z.array(text(4096)).check(z.maxLength(64))),
});

/** One of `POST /targettags` */
export const managementTag = z.object({ name, description, colour });
export const managementTags = batch(managementTag);
export const managementTagChange = z.object({ name: optional(name), description, colour });

/** `POST /targetfilters` */
export const managementFilter = z.object({ name, query });
export const managementFilterChange = z.object({ name: optional(name), query: optional(query) });

const described = { description, colour };
/** One of `POST /softwaremoduletypes` */
export const managementModuleTypes = batch(
  z.object({ key, name, maxAssignments: optional(z.int().check(z.minimum(1))), ...described }),
);
const moduleTypeIds = optional(z.array(z.object({ id })).check(z.maxLength(64)));
/** One of `POST /distributionsettypes` */
export const managementSetTypes = batch(
  z.object({ key, name, mandatorymodules: moduleTypeIds, optionalmodules: moduleTypeIds, ...described }),
);

/** One of `POST /softwaremodules` */
export const managementModules = batch(
  z.object({ name, version, type: key, vendor: optional(text(256)), description, encrypted: optional(z.boolean()) }),
);
export const managementModuleChange = z.object({ description, vendor: optional(text(256)) });

const idList = z.array(z.object({ id })).check(z.maxLength(64));
/** One of `POST /distributionsets` */
export const managementSets = batch(
  z.object({
    name,
    version,
    type: optional(key),
    description,
    requiredMigrationStep: optional(z.boolean()),
    modules: optional(idList),
  }),
);
export const managementSetChange = z.object({
  name: optional(name),
  version: optional(version),
  description,
  requiredMigrationStep: optional(z.boolean()),
});
/** `POST /distributionsets/{id}/assignedSM` */
export const managementModuleIds = idList.check(z.minLength(1));
/** `POST /distributionsets/{id}/invalidate` */
export const managementInvalidation = z.object({
  actionCancelationType: z.enum(['none', 'soft', 'force']),
  cancelRollouts: optional(z.boolean()),
});

/** Percentages are whole numbers written as text, as hawkBit writes them. */
const percent = (least: number) =>
  z.pipe(
    z.union([z.string(), z.number()]),
    z.pipe(
      z.transform((value: string | number) => Number(value)),
      z.int().check(z.minimum(least), z.maximum(100)),
    ),
  );
const threshold = (least: number) =>
  optional(z.object({ condition: z.literal('THRESHOLD'), expression: percent(least) }));
const conditions = {
  successCondition: threshold(0),
  successAction: optional(z.object({ action: z.enum(['NEXTGROUP', 'PAUSE']) })),
  errorCondition: threshold(0),
  errorAction: optional(z.object({ action: z.literal('PAUSE') })),
};
export const managementRolloutGroup = z.object({
  name: optional(name),
  description,
  /** Which of the rollout's devices; absent: all. */
  targetFilterQuery: optional(text(16 * 1024)),
  /** Of those that no earlier group took, more than 0. Absent: all. */
  targetPercentage: optional(z.number().check(z.gt(0), z.maximum(100))),
  confirmationRequired: optional(z.boolean()),
  ...conditions,
});
/** `POST /rollouts` */
export const managementRollout = z.object({
  name,
  description,
  distributionSetId: id,
  targetFilterQuery: query,
  type: optional(actionType),
  forcetime: optional(timeMs),
  startAt: optional(timeMs),
  weight,
  dynamic: optional(z.boolean()),
  amountGroups: optional(z.int().check(z.minimum(1), z.maximum(MANAGEMENT_MAX_GROUPS))),
  confirmationRequired: optional(z.boolean()),
  groups: optional(z.array(managementRolloutGroup).check(z.minLength(1), z.maxLength(MANAGEMENT_MAX_GROUPS))),
  ...conditions,
});
export type ManagementRollout = z.output<typeof managementRollout>;
export type ManagementRolloutGroup = z.output<typeof managementRolloutGroup>;
export const managementRolloutChange = z.object({ name: optional(name), description });

/** `PUT /system/configs/{key}` */
export const managementConfigValue = z.object({ value: z.unknown() });
export const managementConfigValues = z.record(z.string(), z.unknown());
