const BEFORE_ID = '"messageId":"';

/** Most bytes that a derived id adds to its line: the member and a comma. */
export const DERIVED_MEMBER_BYTES = BEFORE_ID.length + 36 + '",'.length;

/** The messageId members that are to be inserted into the lines of a chunk, in the order of their places. */
export class DerivedMembers {
  /** Bytes that all of them add: how far what comes behind them moves. */
  shift = 0;
  readonly #insertions: { readonly at: number; readonly member: string }[] = [];

  get count(): number {
    return this.#insertions.length;
  }

  /**
   * @param at offset behind the opening brace, before anything is inserted
   * @returns offset of the id's text when all is inserted
   */
  add(at: number, id: string, isOnly: boolean): number {
    const member = `${BEFORE_ID}${id}"${isOnly ? '' : ','}`;
    const start = at + this.shift + BEFORE_ID.length;
    this.#insertions.push({ at, member });
    this.shift += member.length;
    return start;
  }

  /** The chunk with all of them: the same bytes where there are none. */
  insertedInto(bytes: Uint8Array): Uint8Array {
    if (this.shift === 0) return bytes;
    const result = Buffer.from(new ArrayBuffer(bytes.length + this.shift));
    let done = 0;
    let filled = 0;
    for (const { at, member } of this.#insertions) {
      result.set(bytes.subarray(done, at), filled);
      filled += at - done;
      filled += result.write(member, filled, 'latin1');
      done = at;
    }
    result.set(bytes.subarray(done), filled);
    return result;
  }
}
