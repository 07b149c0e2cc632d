/**
 * Control characters (C0, DEL, C1), format characters (bidi, zero width, tags), line and paragraph
 * separators, lone surrogates, and everything else that renders as nothing.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Makes text from a package, a device or a server safe for a terminal: each character that could
 * move the cursor, reorder or hide text becomes a visible `\u{…}`. Newlines and tabs too, so that
 * one value stays on its line.
 *
 * @see Unicode Technical Report 36, section 2.5 (bidirectional text spoofing)
 */
export function escapeText(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/**
 * The beginning of a text, `maxLength` UTF-16 code units at most. A half of a character, cut or sent by somebody, becomes
 * U+FFFD: it has no canonical JSON (RFC 8785), and what cannot be written into a journal would stop a campaign.
 */
export function clipText(text: string, maxLength: number): string {
  return text.slice(0, maxLength).toWellFormed();
}
