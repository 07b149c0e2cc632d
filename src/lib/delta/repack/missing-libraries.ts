import { errorSentence } from '../../core/error-sentence.js';
import { OtaError } from '../../core/errors.js';

/** Libraries of codecs that are not installed, each told once: what only they could unpack stays packed. */
export class MissingLibraries {
  readonly #errors = new Map<string, OtaError>();

  /** Notes that a library is missing. @throws any other error */
  note(error: unknown): undefined {
    if (!(error instanceof OtaError && error.code === 'TOOL_MISSING')) throw error;
    this.#errors.set(error.message, error);
  }

  /** What to tell a user who gets a larger patch for it: one sentence for each library. */
  sentences(): string[] {
    return [...this.#errors.values()].map(errorSentence);
  }

  /** @throws OtaError TOOL_MISSING when one is missing */
  requireNone(): void {
    for (const error of this.#errors.values()) throw error;
  }
}
