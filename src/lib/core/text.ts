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
