import { escapeText } from '../core/text.js';

/** What a person calls a source or sink: a file by its path alone. */
export function endName({ id }: { readonly id: string }): string {
  return escapeText(id.replace(/^file:/, ''));
}
