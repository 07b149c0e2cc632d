import type { SignatureNeed } from '../trust/root-rotation.js';
import type { SignResult } from './sign.js';
import type { Signable } from './signable.js';

/** What `ota sign` and `ota sign attach` print under `--json` for packages and trust roots. */
export interface SignReport {
  kind: 'package' | 'root';
  file: string;
  out: string;
  /** SHA-256 of what is signed, hex: for a package, its digest. */
  sha256: string;
  /** Key ids whose signatures were not there before. */
  added: readonly string[];
  /** Key ids of all signatures now. */
  signatures: readonly string[];
  /** For a trust root: who must still sign. */
  needs: readonly SignatureNeed[];
  dryRun: boolean;
  /** What it is, in words; nobody vouches for them. */
  unverified: readonly string[];
}

export function signReport({ kind, path, request, words }: Signable, result: SignResult, dryRun: boolean): SignReport {
  return {
    kind,
    file: path,
    out: result.path,
    sha256: Buffer.from(request.digest).toString('hex'),
    added: result.added,
    signatures: result.signatures,
    needs: result.needs,
    dryRun,
    unverified: words,
  };
}
