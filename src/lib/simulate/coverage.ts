/** What is done to a device at every persistent operation, for people to judge the claim by. */
export const COVERED: readonly string[] = [
  'The power goes before the operation and after it.',
  'Each torn part of a write, at write alignment, with the rest as it was or as garbage.',
  'A block half erased, from either side.',
  'Writes that were not synced: all lost, only one kept, all but one kept; names before data and after.',
  'No space, an I/O error, a short write, storage that is read-only from then on.',
  'A flipped bit in the slot that does not run, a corrupt copy of the boot control block.',
];

/** What an all-clear does not speak of. */
export const NOT_COVERED: readonly string[] = [
  'Damage to the image that runs, while it runs.',
  'Storage that says a sync is done when it is not.',
  'Wear: blocks that fail after so many erasures.',
  'What the new firmware itself writes before it is confirmed.',
  'A boot loader or an updater other than the one of this program.',
];
