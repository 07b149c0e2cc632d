import { escapeText } from './text.js';

/** HTML or SVG that is well-formed and safe to join with more of it. */
export class Markup {
  readonly text: string;

  /** @param text markup that this program wrote itself; anything else goes through {@link markup} */
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a `${…}`: only Markup is taken as it is. */
export type MarkupPart = string | number | Markup | readonly Markup[] | undefined;

/**
 * Markup with holes: text that fills them is escaped, for content and quoted attributes alike, and characters that
 * would hide or reorder text become visible. A hole outside of quotes in a tag is a mistake.
 */
export function markup(pieces: TemplateStringsArray, ...parts: MarkupPart[]): Markup {
  return new Markup(String.raw({ raw: pieces }, ...parts.map(partText)));
}

function partText(part: MarkupPart): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(({ text }) => text).join('');
  return escapeText(String(part)).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** A value for a script of type `application/json`: nothing in it can end the script. */
export function embeddedJson(value: unknown): Markup {
  const json = JSON.stringify(value);
  return new Markup(json.replace(/[<>&\u2028\u2029]/g, unicodeEscape));
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
