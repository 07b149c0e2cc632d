import { OtaError } from '../core/errors.js';

/** Notices a list that leads back into itself: following it would never end. */
export class RepeatedPages {
  readonly #path: string;
  readonly #seen = new Set<string>();

  /** @param path of the list, for the message */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param cursor of the page to come
   * @param first  what the page that came begins with: no other page does
   * @returns the cursor
   * @throws OtaError HTTP_STATUS: one of the two was there before
   */
  next(cursor: string, first: string): string {
    const [page, begin] = [`next ${cursor}`, `first ${first}`];
    if (!this.#seen.has(page) && !this.#seen.has(begin)) {
      this.#seen.add(page).add(begin);
      return cursor;
    }
    throw new OtaError('HTTP_STATUS', `${this.#path}: the same page comes again and again`, [
      'Try again; if it stays, tell the operator of the server.',
    ]);
  }
}
