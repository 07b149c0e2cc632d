import { Flags } from '@oclif/core';
import { OtaError } from '../lib/core/errors.js';
import { isSemver } from '../lib/package/metadata.js';

/** How a device tries a release, and whether it may leave it again. */
export const trialFlags = {
  'confirm-timeout': Flags.integer({
    summary: 'Seconds after its first boot within which the release must be confirmed.',
    helpValue: 'SECONDS',
    min: 0,
    helpGroup: 'RELEASE',
  }),
  'boot-attempts': Flags.integer({
    summary: 'Boots in which it must be confirmed, before the device goes back.',
    helpValue: 'N',
    min: 1,
    max: 255,
    helpGroup: 'RELEASE',
  }),
  'allow-rollback': Flags.boolean({
    summary: 'Let a device that runs it be rolled back to a release it ran before.',
    default: false,
    helpGroup: 'RELEASE',
  }),
  'rollback-min-version': Flags.string({
    summary: 'Oldest version that it may be rolled back to; implies --allow-rollback.',
    helpValue: 'SEMVER',
    helpGroup: 'RELEASE',
    parse: async (input) => {
      if (isSemver(input)) return input;
      throw new OtaError('USAGE', `"${input}" is no semantic version`, ['Write a version such as 2.1.0.']);
    },
  }),
};

/** The same as fields of metadata.json; what was not given is left to the metadata file. */
export function trialFields(flags: {
  'confirm-timeout'?: number;
  'boot-attempts'?: number;
  'allow-rollback': boolean;
  'rollback-min-version'?: string;
}): { confirm?: object; rollback?: object } {
  const {
    'confirm-timeout': timeoutSeconds,
    'boot-attempts': bootAttempts,
    'allow-rollback': isAllowed,
    'rollback-min-version': minVersion,
  } = flags;
  const confirm = { ...(timeoutSeconds !== undefined && { timeoutSeconds }), ...(bootAttempts && { bootAttempts }) };
  return {
    ...(Object.keys(confirm).length > 0 && { confirm }),
    ...(minVersion !== undefined
      ? { rollback: { allowed: true, minVersion } }
      : isAllowed && { rollback: { allowed: true } }),
  };
}
