import { OtaError } from './errors.js';
import { escapeText } from './text.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LITERAL = /true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** What JSON can hold. Objects have no duplicate keys and no `__proto__`. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export type JsonObject = { [key: string]: JsonValue };
/** An array or object that is not closed yet, with the key its next value belongs to. */
interface OpenContainer {
  value: JsonValue[] | JsonObject;
  key: string;
}

/**
 * One pass over the text with an explicit stack: nesting never recurses.
 * See parseStrictJson for what is refused.
 */
export class JsonScanner {
  readonly #text: string;
  readonly #name: string;
  readonly #limits: { maxDepth: number; maxValues: number };
  #at = 0;
  #values = 0;

  constructor(text: string, name: string, limits: { maxDepth: number; maxValues: number }) {
    this.#text = text;
    this.#name = name;
    this.#limits = limits;
  }

  /** The single value of the text. */
  document(): JsonValue {
    if (this.#text.charCodeAt(0) === 0xfeff) throw this.#invalid('a byte order mark is not allowed', 0);
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#invalid('expected the end after the value');
    return value;
  }

  #value(): JsonValue {
    const open: OpenContainer[] = [];
    while (true) {
      let value = this.#scalarOrOpened(open);
      // Hand the finished value to its container; when that closes, it is the finished value.
      while (value !== undefined) {
        const container = open.at(-1);
        if (container === undefined) return value;
        if (Array.isArray(container.value)) container.value.push(value);
        else container.value[container.key] = value;
        value = this.#separatorOrClosed(open, container);
      }
    }
  }

  /** A scalar or an empty container; undefined when a container was opened whose first value comes next. */
  #scalarOrOpened(open: OpenContainer[]): JsonValue | undefined {
    this.#skipSpace();
    const { maxDepth, maxValues } = this.#limits;
    if (++this.#values > maxValues) throw this.#exceeded(`holds more than ${maxValues} values`);
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (open.length >= maxDepth) throw this.#exceeded(`nested deeper than ${maxDepth} levels`);
      this.#at++;
      this.#skipSpace();
      const isArray = code === OPEN_ARRAY;
      const value = isArray ? [] : {};
      if (this.#text.charCodeAt(this.#at) === (isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) {
        this.#at++;
        return value;
      }
      open.push({ value, key: isArray ? '' : this.#key({}) });
      return undefined;
    }
    if (code === MINUS || (code >= 0x30 && code <= 0x39)) return this.#number();
    return this.#literal();
  }

  /** After a value: undefined when another follows in the same container, else the container, closed. */
  #separatorOrClosed(open: OpenContainer[], container: OpenContainer): JsonValue | undefined {
    this.#skipSpace();
    const isArray = Array.isArray(container.value);
    const code = this.#text.charCodeAt(this.#at);
    if (code === COMMA) {
      this.#at++;
      if (!Array.isArray(container.value)) {
        this.#skipSpace();
        container.key = this.#key(container.value);
      }
      return undefined;
    }
    if (code !== (isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) throw this.#invalid(`expected , or ${isArray ? ']' : '}'}`);
    this.#at++;
    open.pop();
    return container.value;
  }

  #key(siblings: JsonObject): string {
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== QUOTE) throw this.#invalid('expected a key in double quotes');
    const key = this.#string();
    // Prototype pollution: no reader of ours may ever meet this key.
    if (key === '__proto__') throw this.#invalid('the key "__proto__" is not allowed', start);
    // Readers disagree on which of two equal keys counts, so what was checked may not be what is used.
    if (Object.hasOwn(siblings, key)) throw this.#invalid(`duplicate key ${shortQuote(key)}`, start);
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== COLON) throw this.#invalid('expected :');
    this.#at++;
    return key;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let at = start + 1;
    let escaped = false;
    for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
      if (code === BACKSLASH) {
        escaped = true;
        ESCAPE.lastIndex = at;
        if (!ESCAPE.test(text)) throw this.#invalid('unknown escape in a string', at);
        at = ESCAPE.lastIndex;
      } else if (code >= 0x20) {
        at++;
      } else {
        throw this.#invalid(at < text.length ? 'control character in a string' : 'the string does not end', at);
      }
    }
    this.#at = at + 1;
    if (!escaped) return text.slice(start + 1, at);
    const value: string = JSON.parse(text.slice(start, at + 1));
    if (!value.isWellFormed()) throw this.#invalid('lone surrogate in a string', start);
    return value;
  }

  #number(): number {
    const start = this.#at;
    NUMBER.lastIndex = start;
    if (!NUMBER.test(this.#text)) throw this.#invalid('not a number');
    this.#at = NUMBER.lastIndex;
    const value = Number(this.#text.slice(start, this.#at));
    if (Object.is(value, -0)) throw this.#invalid('−0 is not allowed', start);
    if (!Number.isFinite(value)) throw this.#invalid('the number is too large', start);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw this.#invalid('the whole number lies beyond ±9007199254740991', start);
    }
    return value;
  }

  #literal(): JsonValue {
    LITERAL.lastIndex = this.#at;
    if (!LITERAL.test(this.#text)) throw this.#invalid('expected a value');
    const word = this.#text.slice(this.#at, LITERAL.lastIndex);
    this.#at = LITERAL.lastIndex;
    return word === 'null' ? null : word === 'true';
  }

  #skipSpace(): void {
    for (let code = this.#text.charCodeAt(this.#at); code <= 0x20; code = this.#text.charCodeAt(this.#at)) {
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #exceeded(fact: string): OtaError {
    return new OtaError('LIMIT_EXCEEDED', this.#located(fact, this.#at));
  }

  #invalid(fact: string, at = this.#at): OtaError {
    const ended = at >= this.#text.length ? ', got the end of the text' : '';
    return new OtaError('JSON_INVALID', this.#located(`${fact}${ended}`, at));
  }

  #located(fact: string, at: number): string {
    const before = this.#text.slice(0, at);
    const lineStart = before.lastIndexOf('\n') + 1;
    let line = 1;
    for (let next = before.indexOf('\n'); next !== -1; next = before.indexOf('\n', next + 1)) line++;
    return `${escapeText(this.#name)}:${line}:${[...before.slice(lineStart)].length + 1}: ${fact}`;
  }
}

function shortQuote(key: string): string {
  return `"${escapeText(key.length > 60 ? `${key.slice(0, 60)}…` : key)}"`;
}
