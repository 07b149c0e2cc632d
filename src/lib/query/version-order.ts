const NUMBER = '(0|[1-9]\\d*)';
const IDENTIFIER = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const VERSION = new RegExp(
  `^v?${NUMBER}(?:\\.${NUMBER}(?:\\.${NUMBER})?)?(?:-(${IDENTIFIER}(?:\\.${IDENTIFIER})*))?(?:\\+[0-9A-Za-z.-]+)?$`,
);
const MAX_LENGTH = 256;

/**
 * A text whose order, byte by byte, is the order of versions: so a database orders versions in a column and an index.
 * Versions that differ only in their build have the same one.
 *
 * @param version semantic version 2.0.0; the minor and the patch number may be left out and count as 0
 * @returns ASCII; undefined for what is no version
 * @see https://semver.org, section 11
 */
export function versionOrderKey(version: string): string | undefined {
  if (version.length > MAX_LENGTH) return undefined;
  const [isVersion, major, minor = '0', patch = '0', preRelease] = VERSION.exec(version) ?? [];
  if (isVersion === undefined) return undefined;
  const numbers = [major!, minor, patch].map(numberKey).join('');
  // "~" is above everything a pre-release is made of: 1.0.0-rc < 1.0.0.
  if (preRelease === undefined) return `${numbers}~`;
  return numbers + preRelease.split('.').map(identifierKey).join('');
}

/** Numbers of more digits are greater. */
function numberKey(digits: string): string {
  return String(digits.length).padStart(3, '0') + digits;
}

/** Numbers are below words; "!" is below what a word goes on with, so that a shorter one comes first. */
function identifierKey(identifier: string): string {
  return /^\d+$/.test(identifier) ? `0${numberKey(identifier)}` : `1${identifier}!`;
}
