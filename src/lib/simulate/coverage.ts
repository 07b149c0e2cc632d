/** What a power cut may leave, for people to judge the claim by. */
export const POWER_CUTS: readonly string[] = [
  'The power goes before the operation, and after it.',
  'A write stops after every multiple of the write alignment; the rest is as it was, or garbage.',
  'An erase stops part of the way, from either side, or leaves garbage.',
  'What was not synced is lost: all of it, all but one write, everything but one write, half of a write, names without data, data without names.',
];

/** All that is done to a device at every persistent operation. Random lives only lose power. */
export const COVERED: readonly string[] = [
  ...POWER_CUTS,
  'No space, one I/O error, I/O errors from then on, a short write, a file system that turns read-only.',
  'Between two steps: a flipped bit in the slot that does not run, a damaged copy of the boot control block.',
];

/** What an all-clear does not speak of. */
export const NOT_COVERED: readonly string[] = [
  'Damage to the image that runs.',
  'Storage that says that a sync is done when it is not.',
  'Writes that disturb what lies beside them; blocks that wear out.',
  'Time: the clock stands still, so no confirm timeout passes.',
  'What the firmware itself writes.',
  'A boot loader or updater other than the one of this program.',
];
