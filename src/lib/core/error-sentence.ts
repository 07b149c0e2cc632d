import type { OtaError } from './errors.js';

/** A failure in one line, for where it is no failure but worth knowing: the fact, then the first thing to do. */
export function errorSentence({ message, suggestions: [first] }: OtaError): string {
  return first === undefined ? message : `${message}. ${first}`;
}
