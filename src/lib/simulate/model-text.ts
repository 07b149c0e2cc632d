import type { Operation } from './operation.js';

/** `write of app.b.image, bytes 8192 to 12287` */
export function placeText({ kind, file, position, length }: Operation): string {
  if (kind === 'syncDirectory') return 'sync of the folder';
  if (kind === 'truncate') return `truncation of ${file} to ${length} bytes`;
  if (position === undefined) return `${kind} of ${file}`;
  return `${kind} of ${file}, bytes ${position} to ${position + (length ?? 0) - 1}`;
}

/** What a fault of that name is, in words. */
export function modelText(model: string): string {
  const [name = '', ...details] = model.split(':');
  const [first, second] = details;
  const words: Record<string, string> = {
    before: 'the power goes before it',
    'before-lost': 'the power goes before it, and nothing that was not synced is left',
    after: 'the power goes after it',
    'after-lost': 'the power goes after it, and nothing that was not synced is left',
    'after-only': `the power goes after it, and of what was not synced only change ${first} is left`,
    'after-without': `the power goes after it, and of what was not synced change ${first} is lost`,
    'after-torn': `the power goes after it, and of what was not synced half of change ${first} is garbage`,
    'names-only': 'the power goes after it: names that were not synced are left, data is lost',
    'data-only': 'the power goes after it: data that was not synced is left, names are lost',
    names: `the power goes after it: of names that were not synced ${first} are left, and all data`,
    torn: `the power goes after ${first} bytes of it, the rest is ${second === undefined ? 'as it was' : 'garbage'}`,
    'erased-front': `the power goes when the first ${first} bytes are erased`,
    'erased-back': `the power goes when the last ${first} bytes are erased`,
    idle: 'the power goes once the step is done',
    'idle-lost': 'the power goes once the step is done, and nothing that was not synced is left',
    'idle-only': `the power goes once the step is done, and of what was not synced only change ${first} is left`,
    'idle-without': `the power goes once the step is done, and of what was not synced change ${first} is lost`,
    'idle-torn': `the power goes once the step is done, and of what was not synced half of change ${first} is garbage`,
    'no-space': 'there is no space left',
    'io-error': 'it fails with an i/o error',
    'io-error-lasting': 'it and all that follows in this step fails with an i/o error',
    'short-write': 'a part is written, then there is no space left',
    'read-only': 'from here on the storage is read-only',
    flip: `a bit of byte ${second} of ${first} has turned over`,
    erased: `${first} reads as erased`,
  };
  if (name.endsWith('-lost') && words[name] === undefined) {
    return `${modelText(name.slice(0, -'-lost'.length))}; then the power goes, and what was not synced is lost`;
  }
  if (name === 'garbage')
    return first === undefined ? 'the power goes, and its area holds garbage' : `${first} holds garbage`;
  return words[name] ?? model;
}
