import { Args, Flags } from '@oclif/core';

/** The store that a command looks into. */
export const storeArg = Args.directory({
  description: 'Folder of the store (--store of `fleet replay`).',
  required: true,
});

export const tenantFlag = Flags.string({
  summary: 'Whose messages; each tenant has a store of its own in the folder.',
  helpValue: 'NAME',
  default: 'default',
});

export const acceptDamageFlag = Flags.boolean({
  summary: 'Go on although blocks of the store cannot be read; ids that they held may come out again.',
  default: false,
});
