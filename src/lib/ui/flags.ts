import { Flags } from '@oclif/core';
import { parseByteSize } from '../core/byte-size.js';

/** Replace an output that exists. Only ever typed, never configured. */
export const forceFlag = Flags.boolean({ summary: 'Replace the output if it exists.', default: false });

/** Every command that changes something has it. */
export const dryRunFlag = Flags.boolean({ summary: 'Check everything, change nothing.', default: false });

/** Test keys are for demonstrations; accepting them is a decision that somebody typed. */
export const allowTestKeysFlag = Flags.boolean({
  summary: 'Accept keys that are marked as test keys.',
  default: false,
});

/** The two ways to give a passphrase to a script; without one, a terminal is asked. */
export const passphraseFlags = {
  'passphrase-env': Flags.string({
    summary: 'Name of the environment variable that holds the passphrase.',
    helpValue: 'NAME',
    exclusive: ['passphrase-stdin'],
  }),
  'passphrase-stdin': Flags.boolean({
    summary: 'Read the passphrase from stdin, one line.',
    exclusive: ['passphrase-env'],
  }),
};

/** A size such as `300KB` or `4MiB`; the value is bytes. */
export const byteSizeFlag = Flags.custom<number>({ helpValue: 'SIZE', parse: async (input) => parseByteSize(input) });

/** An input: a path, `-` for stdin, or an http(s) URL. */
export const inputFlag = Flags.custom<string>({ helpValue: 'PATH|URL|-', parse: async (input) => input });
