import type { ErrorCode } from '../core/errors.js';

/** What a reader must answer: the code of its refusal, or OK. */
export type Expectation = ErrorCode | 'OK';

/** One hostile (or, in row 0, valid) package and how to run a verifier on it. */
export interface AttackCase {
  /** Row of the refusal catalogue. */
  row: number;
  /** Unique within the row: lowercase words joined by hyphens. */
  name: string;
  /** What was changed in a valid package. */
  change: string;
  /** The package, complete bytes. */
  bytes: Uint8Array;
  /** Whom to trust while verifying. */
  trust: CaseTrust;
  /** The base image to verify and apply against; absent where none is needed or known. */
  base?: CaseFile;
  verify: Expectation;
  /** Absent where applying needs a base image that is not at hand. */
  apply?: Expectation;
}

/** A file beside the package: a key, a trust root, a base image. Several cases may share it. */
export interface CaseFile {
  /** Path inside the output folder. */
  path: string;
  bytes: Uint8Array;
}

export interface CaseTrust {
  keys?: readonly CaseFile[];
  threshold?: number;
  root?: CaseFile;
  product?: string;
}
