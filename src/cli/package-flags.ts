import { Flags } from '@oclif/core';

/** Images are named by component where a package has several. */
export const baseFlag = Flags.custom<string>({
  char: 'b',
  helpValue: '[COMPONENT=]FILE',
  multiple: true,
  multipleNonGreedy: true,
  parse: async (input) => input,
});

export const deviceFlag = Flags.file({
  char: 'd',
  summary: 'Device (folder) or device state (JSON) to judge the package by.',
  helpValue: 'DIR|FILE',
});

export const noFullFallbackFlag = Flags.boolean({
  summary: 'Refuse the full image where the package has deltas but none fits.',
  default: false,
});
