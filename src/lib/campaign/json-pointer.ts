/**
 * What an RFC 6901 pointer names; undefined: nothing. Only what the document itself holds is found, never what every
 * object has (`constructor`).
 *
 * @param pointer empty: the whole document
 */
export function atPointer(document: unknown, pointer: string): unknown {
  let found = document;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(found)) {
      found = /^(?:0|[1-9]\d{0,9})$/.test(name) ? found[Number(name)] : undefined;
    } else if (typeof found === 'object' && found !== null && Object.hasOwn(found, name)) {
      found = (found as Record<string, unknown>)[name];
    } else {
      return undefined;
    }
  }
  return found;
}
