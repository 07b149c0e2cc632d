import { Flags } from '@oclif/core';
import { CODERS, EFFORTS } from '../lib/delta/formats.js';
import { PAYLOAD_FORMATS } from '../lib/package/metadata.js';
import { byteSizeFlag } from '../lib/ui/flags.js';

const helpGroup = 'DELTAS';

/** How deltas are made, whichever command makes them. */
export const deltaFlags = {
  'device-formats': Flags.option({
    options: PAYLOAD_FORMATS,
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ',',
    summary: 'Formats that the updaters of all devices apply. Repeatable, or with commas between; all if left out.',
    helpValue: 'FORMAT',
    helpGroup,
  })(),
  coder: Flags.option({
    options: CODERS,
    summary:
      'How otad deltas are packed, as devices can unpack them [default: mix, the smallest; lzma with --in-place].',
    helpGroup,
  })(),
  effort: Flags.option({
    options: EFFORTS,
    default: 'best' as const,
    summary: 'Time that a smaller delta may take.',
    helpGroup,
  })(),
  repack: Flags.option({
    options: ['auto', 'off'] as const,
    default: 'auto' as const,
    summary: 'Look into compressed parts of the images (otad-repack), or leave them as they are.',
    helpGroup,
  })(),
  'in-place': Flags.boolean({
    summary: 'For devices with a single slot, which is written over while it is read (otad-inplace).',
    default: false,
    helpGroup,
  }),
  'erase-block': byteSizeFlag({
    summary: 'Unit in which such a device erases its slot; 4KiB if left out.',
    helpGroup,
  }),
  'spare-space': byteSizeFlag({
    summary: 'Free storage behind the image that such a device can lend.',
    helpGroup,
  }),
  'max-memory': byteSizeFlag({
    summary:
      'Memory that the process may take while it makes deltas, Node included: less chooses cheaper ways, too little ' +
      'is refused at once.',
    helpGroup,
  }),
};

/** What flat images do not say of themselves. */
export const MACHINE_SUMMARY = 'Instruction set of an image, where it is not found in it.';
export const BASE_ADDRESS_SUMMARY = 'Address at which a flat image is loaded, where it is not found in it.';
