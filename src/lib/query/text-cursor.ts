import { OtaError } from '../core/errors.js';
import { escapeText } from '../core/text.js';
import { FILTER_LIMITS } from './filter.js';

const SPACES = /\s+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/sy;
/** What an error shows of the text that it did not expect: a word, or one character. */
const FOUND = /[^\s"'();,=<>!~]{1,40}|=[a-z]*=|[<>!]=|./isuy;

/** Reads a short text from its beginning to its end, and says where it cannot go on. */
export class TextCursor {
  readonly text: string;
  /** what the text is called in messages: `filter` */
  readonly name: string;
  #position = 0;
  #depth = 0;
  #nodes = 0;

  /**
   * @param maxBytes of the text, as UTF-8
   * @throws OtaError LIMIT_EXCEEDED
   */
  constructor(text: string, name: string, maxBytes: number = FILTER_LIMITS.maxBytes) {
    // Code units first: a text of gigabytes is not counted through.
    if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes) {
      throw new OtaError('LIMIT_EXCEEDED', `${name}: more than ${maxBytes} bytes`);
    }
    this.text = text;
    this.name = name;
  }

  get isAtEnd(): boolean {
    this.skipSpaces();
    return this.#position === this.text.length;
  }

  /** What was read so far. */
  get textBefore(): string {
    return this.text.slice(0, this.#position);
  }

  skipSpaces(): void {
    this.#match(SPACES);
  }

  /**
   * Takes what stands next, after white space.
   *
   * @param token a sticky expression that matches no empty text
   * @returns the text taken; undefined, and nothing taken, if something else stands there
   */
  take(token: RegExp): string | undefined {
    this.skipSpaces();
    return this.#match(token)?.[0];
  }

  /**
   * Takes a text in single or double quotes; a backslash in it makes the next character stand for itself.
   *
   * @returns the text without quotes; undefined if no quote stands next
   * @throws OtaError USAGE, the quote is not closed
   */
  takeQuoted(): string | undefined {
    this.skipSpaces();
    const found = this.#match(QUOTED);
    if (found !== undefined) return (found[1] ?? found[2]!).replace(/\\(.)/gs, '$1');
    if (/["']/.test(this.text.charAt(this.#position))) throw this.fault('this quote is not closed');
    return undefined;
  }

  /** Counts a comparison, or what joins some. @throws OtaError LIMIT_EXCEEDED */
  countNode(): void {
    this.#nodes += 1;
    if (this.#nodes > FILTER_LIMITS.maxNodes) {
      throw new OtaError('LIMIT_EXCEEDED', `${this.name}: more than ${FILTER_LIMITS.maxNodes} comparisons and groups`);
    }
  }

  /** Reads one or more of the same, with something between. @throws OtaError LIMIT_EXCEEDED */
  separated<T>(joint: RegExp, read: () => T): [T, ...T[]] {
    const items: [T, ...T[]] = [read()];
    while (this.take(joint) !== undefined) {
      if (items.length === 1) this.countNode();
      items.push(read());
    }
    return items;
  }

  /** Reads what stands in parentheses. @throws OtaError LIMIT_EXCEEDED, too many in one another */
  nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > FILTER_LIMITS.maxDepth) {
      throw new OtaError('LIMIT_EXCEEDED', `${this.name}: parentheses nest more than ${FILTER_LIMITS.maxDepth} deep`);
    }
    const value = read();
    this.#depth -= 1;
    return value;
  }

  /** The failure to throw where something else was expected: `filter, column 9: expected a value, found ")"`. */
  expected(what: string, suggestions: string[] = []): OtaError {
    if (this.isAtEnd) return this.fault(`expected ${what}, found the end`, suggestions);
    FOUND.lastIndex = this.#position;
    return this.fault(`expected ${what}, found "${escapeText(FOUND.exec(this.text)![0])}"`, suggestions);
  }

  /** The failure to throw for what stands next. */
  fault(fact: string, suggestions: string[] = []): OtaError {
    this.skipSpaces();
    const column = [...this.text.slice(0, this.#position)].length + 1;
    return new OtaError('USAGE', `${this.name}, column ${column}: ${fact}`, suggestions);
  }

  #match(token: RegExp): RegExpExecArray | undefined {
    token.lastIndex = this.#position;
    const found = token.exec(this.text) ?? undefined;
    if (found !== undefined) this.#position = token.lastIndex;
    return found;
  }
}
