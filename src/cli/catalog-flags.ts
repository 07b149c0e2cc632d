import { Args, Flags } from '@oclif/core';

/** The release that a command is about. */
export const releaseArg = Args.string({
  description: 'Version, digest, or at least 8 digits of the digest.',
  required: true,
});

/** Where a version alone does not tell. */
export const productFlag = Flags.string({ summary: 'Product of the release.', helpValue: 'NAME' });

/** Every channel command and `publish` have it. */
export const olderFlag = Flags.boolean({
  summary: 'Let it into a channel that has a newer release: a step on the way of old devices.',
  default: false,
});
