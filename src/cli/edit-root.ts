import { Args, Flags } from '@oclif/core';
import { systemClock } from '../lib/core/clock.js';
import { parseExpiry } from '../lib/trust/expiry.js';
import { readTrustRoot, type TrustRoot } from '../lib/trust/root.js';
import { type RootEdit, setRootExpiry } from '../lib/trust/root-edit.js';
import { editRootFile } from '../lib/trust/root-file.js';
import { type RootReport, rootReport } from '../lib/trust/root-report.js';
import { dryRunFlag, forceFlag } from '../lib/ui/flags.js';
import { openSigners, type SignerChoice, type SignerSurroundings, signerFlags } from './signing.js';

export const signFlag = Flags.file({
  summary: 'Private key to sign the new trust root with. Repeatable.',
  helpValue: 'FILE',
  multiple: true,
  multipleNonGreedy: true,
  helpGroup: 'SIGNING',
});

export const previousFlag = Flags.file({
  summary: 'Version N-1 of the root, if it is not root.<N-1>.json beside it.',
  helpValue: 'FILE',
});

export const rootArg = Args.file({ description: 'Trust root to start from.', required: true });

/** The same on every command that changes a trust root. */
export const rootEditFlags = {
  expires: Flags.string({ summary: 'Also set when the root expires: 90d, 18mo, 2y, or a date.', helpValue: 'WHEN' }),
  previous: previousFlag,
  out: Flags.file({
    char: 'o',
    summary: 'Where the result goes [default: root.<N+1>.json beside it; a draft is changed in place].',
    helpValue: 'FILE',
  }),
  force: forceFlag,
  'dry-run': dryRunFlag,
  sign: signFlag,
  ...signerFlags,
};

/** How edits go on, for the descriptions of the commands. */
export const ROOT_EDIT_HELP =
  'A signed root is left as it is and its successor written beside it; a draft that still lacks signatures is ' +
  'changed in place, and loses those it has. The successor must be signed by enough root keys of both versions: ' +
  'with --sign now, or later with `ota sign`.\n\n' +
  'Exits 2 for a change that would leave a role unusable, 3 for a bad key, root or signer, 8 when the output exists.';

export interface RootEditChoice extends SignerChoice {
  expires?: string | undefined;
  previous?: string | undefined;
  out?: string | undefined;
  force: boolean;
  'dry-run': boolean;
  sign?: string[] | undefined;
}

/** Reads a trust root, changes it and writes what follows. @throws OtaError as `editRootFile` */
export async function editRoot(
  path: string,
  flags: RootEditChoice,
  editOf: (root: TrustRoot, now: Date) => RootEdit | Promise<RootEdit>,
  surroundings: SignerSurroundings,
): Promise<RootReport> {
  const now = systemClock.now();
  const root = await readTrustRoot(path);
  const edit = await editOf(root, now);
  const expiry = flags.expires === undefined ? undefined : setRootExpiry(parseExpiry(flags.expires, now));
  const written = await editRootFile(root, {
    edit: (signed) => (expiry ? expiry(edit(signed)) : edit(signed)),
    outPath: flags.out,
    previousPath: flags.previous,
    signers: await openSigners(flags.sign ?? [], flags, surroundings),
    force: flags.force,
    dryRun: flags['dry-run'],
    signal: surroundings.signal,
  });
  return rootReport(written, flags['dry-run']);
}
