/**
 * One way in which instructions or data hold an address.
 *
 * Some need two places: an `ADRP` gives a page, an `ADD` after it the place in the page. The second
 * place is the partner; forms that need none ignore it.
 */
export interface ReferenceForm {
  /** How many bytes it changes at its own place. */
  readonly bytes: number;
  /**
   * True when bits that look like it are surely an address. Others, such as a word of data, count
   * only when they point into the image or to a target that was learned.
   */
  readonly certain: boolean;
  /** Set when it is a distance from the start of its segment or image; that is then the `address` below. */
  readonly base?: 'segment' | 'image';
  /**
   * @param bytes   holds the reference, whole
   * @param at      where in `bytes`
   * @param address of bytes[at]
   * @param partner where in `bytes` the second place is
   * @returns the address meant; NaN when the bytes are not of this form
   */
  read(bytes: Uint8Array, at: number, address: number, partner: number): number;
  /** Makes bytes of this form mean another address; of one that is out of reach, the low bits. */
  write(bytes: Uint8Array, at: number, address: number, target: number, partner: number): void;
}

/** What is done with each reference that a {@link ReferenceFinder} finds. */
export interface ReferenceVisitor {
  /**
   * @param form    how the reference is held
   * @param at      where
   * @param partner where its second place is; `at` when it has none
   * @returns true when the address it means is known to be one of the image
   */
  visit(form: ReferenceForm, at: number, partner: number): boolean;
}

/**
 * Finds the references in old bytes, for one mode of one machine.
 *
 * It looks at nothing but these bytes and their address, since the applier has no more. It may be
 * called at any place, so also in the middle of an instruction or of data.
 *
 * @param bytes   from `from` to `to` they lie in one segment; the others are not to be read
 * @param from    first byte
 * @param to      end; no reference may reach beyond it
 * @param address of bytes[from]
 * @param end     references that begin here or later come to nothing, and may be left out
 */
export type ReferenceFinder = (
  bytes: Uint8Array,
  from: number,
  to: number,
  address: number,
  visitor: ReferenceVisitor,
  end: number,
) => void;
