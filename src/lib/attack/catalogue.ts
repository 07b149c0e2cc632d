/** One row of the refusal catalogue. */
export interface CatalogueRow {
  row: number;
  title: string;
  /** What whoever made such a file would gain from a reader that accepts it. */
  attack: string;
}

/** The rows that have a meaning for a file, in order; row 0 holds the controls. */
export const CATALOGUE: readonly CatalogueRow[] = [
  { row: 0, title: 'Valid, to be accepted', attack: 'None: a reader that refuses everything proves nothing.' },
  { row: 1, title: 'One bit flipped', attack: 'Content that nobody signed is installed.' },
  {
    row: 2,
    title: 'Weak or ambiguous public key',
    attack: 'A key that verifies forged signatures, or has several names.',
  },
  {
    row: 3,
    title: 'Malleable or misshapen signature',
    attack: 'A second signature for the same bytes, made without the key.',
  },
  {
    row: 4,
    title: 'Unknown, revoked or expired key',
    attack: 'A key that is not, or no longer, trusted signs an update.',
  },
  { row: 5, title: 'One key counted twice', attack: 'One stolen key meets a threshold of two.' },
  {
    row: 6,
    title: 'Signature for another role or product',
    attack: 'A signature is used for what it was not given for.',
  },
  {
    row: 7,
    title: 'Bad rotation of trust roots',
    attack: 'Trust is taken over without its present or its new owners.',
  },
  {
    row: 8,
    title: 'Wrong or no key, no signature',
    attack: 'An unsigned update, or a private key that leaks into a log.',
  },
  { row: 9, title: 'Duplicate or __proto__ key', attack: 'Two readers see different values in the same signed bytes.' },
  { row: 10, title: 'Text that is not Unicode', attack: 'Two readers see different text in the same signed bytes.' },
  {
    row: 11,
    title: 'Number that does not survive',
    attack: 'A sequence or size that is rounded, infinite or negative zero.',
  },
  { row: 12, title: 'Too deep or too large', attack: 'Memory or stack of the reader runs out.' },
  { row: 13, title: 'Unknown critical field, wrong type', attack: 'A rule that must hold is ignored.' },
  { row: 14, title: 'Valid but not canonical', attack: 'The same release under many digests.' },
  { row: 15, title: 'Wrong size, wrong or weak hash', attack: 'Payloads that differ from what was signed.' },
  { row: 16, title: 'Dangerous name in metadata', attack: 'A file outside the target is written, or a name deceives.' },
  { row: 17, title: 'Dangerous path in the container', attack: 'A file outside the target is written.' },
  { row: 18, title: 'Entry that is not a regular file', attack: 'A link or device redirects what is written or read.' },
  { row: 19, title: 'Duplicate, unlisted or missing entry', attack: 'One entry is verified, another one used.' },
  {
    row: 20,
    title: 'Impossible or overridden size',
    attack: 'Lengths overflow, or pax records change what was checked.',
  },
  { row: 21, title: 'Headers that disagree', attack: 'Two readers find different entries.' },
  { row: 22, title: 'Bomb', attack: 'Small files decode until disk, memory or time run out.' },
  { row: 23, title: 'Bytes before or after', attack: 'The file is also something else, or hides an appendix.' },
  { row: 24, title: 'Truncated', attack: 'A partial update is taken for a whole one.' },
  { row: 25, title: 'Patch: impossible length', attack: 'Writes before or beyond a buffer (CVE-2014-9862).' },
  { row: 26, title: 'Patch: seek outside the base', attack: 'Reads memory that is not the base image.' },
  { row: 27, title: 'Patch: stream too short', attack: 'The rest of the image is whatever memory held.' },
  { row: 28, title: 'Patch: stream too long', attack: 'Bytes that nobody looked at travel with the patch.' },
  { row: 29, title: 'Patch: another output size', attack: 'Memory is reserved for an image nobody signed.' },
  { row: 30, title: 'Patch: no progress', attack: 'The updater runs for ever.' },
  { row: 31, title: 'Patch: wrong base', attack: 'A device is turned into scrap by a patch for another image.' },
  { row: 32, title: 'Patch: another output', attack: 'An image that nobody signed is installed.' },
];
