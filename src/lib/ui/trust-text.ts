import { escapeText } from '../core/text.js';
import type { KeyView } from '../trust/key-report.js';
import type { RootReport, RootView } from '../trust/root-report.js';
import type { SignatureNeed } from '../trust/root-rotation.js';

/** What an edit of a trust root did, and what is still to be done. */
export function rootReportText({
  out,
  version,
  expiresAt,
  amended,
  dropped,
  dryRun,
  needs,
  complete,
}: RootReport): string {
  const verb = dryRun ? 'Would write' : amended ? 'Amended the draft' : 'Wrote';
  return [
    `${verb} ${escapeText(out)}: trust root version ${version}, expires ${expiresAt}`,
    ...(dropped === 0
      ? []
      : [`It was signed ${dropped === 1 ? 'once' : `${dropped} times`}; those signatures no longer fit and are gone.`]),
    ...needs.map(needText),
    ...(complete
      ? ['It has all the signatures it needs.']
      : [
          'Next: have it signed, here or on the machine that holds the key:',
          `  ota sign ${escapeText(out)} --key PRIVATE.key`,
          `  ota sign request ${escapeText(out)} --out request.json`,
        ]),
  ].join('\n');
}

/** `Root role of version 1: 1 of 2 signatures; 1 more needed, from: …` */
export function needText({ rootVersion, threshold, signed, open, missing }: SignatureNeed): string {
  const done = `Root role of version ${rootVersion}: ${Math.min(signed.length, threshold)} of ${threshold} signatures`;
  if (missing === 0) return done;
  return [`${done}; ${missing} more needed from:`, ...open.map((keyid) => `  ${keyid}`)].join('\n');
}

/** A trust root for a person: what it says, who signed it, what will expire. */
export function rootViewText({
  file,
  version,
  expiresAt,
  state,
  stateText,
  keys,
  roles,
  needs,
  forecast,
}: RootView): string {
  const keyText = (keyid: string): string => {
    const { name, test, expiresAt: end, signed } = keys.find((key) => key.keyid === keyid)!;
    return [
      `    ${keyid}`,
      ...(name === undefined ? [] : [escapeText(name)]),
      ...(test ? ['TEST KEY'] : []),
      ...(end === undefined ? [] : [`expires ${end}`]),
      ...(signed ? ['signed'] : []),
    ].join('  ');
  };
  return [
    `${escapeText(file)}: trust root version ${version}, expires ${expiresAt}`,
    `${state === 'verified' ? 'Verified' : 'UNVERIFIED'}: ${stateText}`,
    ...needs.map(needText),
    '',
    'Roles',
    ...roles.flatMap(({ role, threshold, keyids }) => [
      `  ${role}: ${threshold} of ${keyids.length} keys must sign`,
      ...keyids.map(keyText),
    ]),
    '',
    'Expiry',
    ...forecast.map(
      ({ what, id, expiresAt: end, daysLeft, consequence }) =>
        `  ${end} (${daysText(daysLeft)})  ${what}${id === undefined ? '' : ` ${id}`}: ${consequence}`,
    ),
  ].join('\n');
}

function daysText(days: number): string {
  if (days < 0) return 'past';
  return days === 0 ? 'within a day' : `in ${days} ${days === 1 ? 'day' : 'days'}`;
}

/** A key pair that was made. */
export function generatedKeyText(key: {
  keyid?: string;
  privateKey: string;
  publicKey: string;
  encrypted: boolean;
  test: boolean;
  dryRun: boolean;
}): string {
  const verb = key.dryRun ? 'Would write' : 'Wrote';
  const marks = [key.encrypted ? 'encrypted' : 'not encrypted', ...(key.test ? ['TEST KEY'] : [])].join(', ');
  return [
    `${verb} ${escapeText(key.privateKey)}: private key, mode 0600, ${marks}; keep it to yourself`,
    `${verb} ${escapeText(key.publicKey)}: public key, for those who verify`,
    ...(key.keyid === undefined ? [] : [`Key id ${key.keyid}`]),
  ].join('\n');
}

/** A key file for a person. */
export function keyViewText({ file, kind, keyid, test, encrypted, mode }: KeyView): string {
  const lines = [`${escapeText(file)}: Ed25519 ${kind} key`, `  key id      ${keyid}`];
  if (kind === 'private') lines.push(`  passphrase  ${encrypted ? 'yes' : 'no'}`, `  mode        ${mode}`);
  if (test) lines.push('  TEST KEY: for demos and tests, never for devices in the field');
  return lines.join('\n');
}
