/** Where the sets of weights of each kind of decision begin. */
export const NUMBER_SETS = 0;
export const MODE_SET = 16;
export const DIFFERENCE_SETS = 17;
export const EXTRA_SETS = 64;
export const WEIGHT_SETS = 128;
