import { escapeText } from '../core/text.js';
import { formatTime } from './expiry.js';
import type { TrustRoot } from './root.js';

/** What a trust root says, in words, a line each; nothing of it is vouched for. */
export function rootSummary({ signed, keys, roles }: TrustRoot): string[] {
  const lines = [`trust root, version ${signed.version}, expires ${signed.expiresAt}`];
  for (const role of roles.values()) {
    lines.push(`role ${role.name}: ${role.threshold} of ${role.keys.length} keys must sign`);
    for (const { keyid } of role.keys) lines.push(`  ${keyLine(keys.get(keyid)!)}`);
  }
  return lines;
}

/** One key: id, name, mark, expiry. */
export function keyLine({
  keyid,
  label,
  isTest,
  expiresAt,
}: {
  keyid: string;
  label?: string;
  isTest: boolean;
  expiresAt?: Date;
}): string {
  return [
    keyid,
    ...(label === undefined ? [] : [`"${escapeText(label)}"`]),
    ...(isTest ? ['TEST KEY'] : []),
    ...(expiresAt === undefined ? [] : [`expires ${formatTime(expiresAt)}`]),
  ].join('  ');
}
