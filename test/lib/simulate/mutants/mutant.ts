import type { Invariant } from '../../../../src/lib/simulate/invariants.js';
import type { Edit } from '../../../support/mutant-source.js';
import type { Situation } from './situation.js';

/** A broken updater, and what convicts it. */
export interface Mutant {
  /** Completes "an updater that …". */
  what: string;
  situation: Situation;
  /** All that distinguishes it from the real one. */
  edits: Edit[];
  /** File or step where to look first. */
  first: string;
  /** What it breaks. */
  breaks: Invariant;
}

/** An edit of a file below `src/lib/device`. */
export function edit(file: string): (from: string, to: string) => Edit {
  return (from, to) => ({ file: `device/${file}.ts`, from, to });
}
