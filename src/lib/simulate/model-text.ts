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
  const [name = '', first, second] = model.split(':');
  return cutText(name, first) ?? interruptionText(name, first, second) ?? diskFaultText(name) ?? model;
}

/** The power goes between two changes: what is left of those that were not synced. */
function cutText(name: string, first: string | undefined): string | undefined {
  const { when, rest } = /^(?<when>before|after|idle)?-?(?<rest>.*)$/.exec(name)!.groups!;
  const moments: Record<string, string> = { before: 'before it', after: 'after it', idle: 'once the step is done' };
  const cut = `the power goes ${moments[when ?? 'after']}`;
  const left: Record<string, string | undefined> = {
    '': when && cut,
    lost: when && `${cut}, and nothing that was not synced is left`,
    only: when && `${cut}, and of what was not synced only change ${first} is left`,
    without: when && `${cut}, and of what was not synced change ${first} is lost`,
    torn: when && `${cut}, and of what was not synced half of change ${first} is garbage`,
    'names-only': `${cut}: ${first ?? 'all'} names that were not synced are left, their data is lost`,
    'data-only': `${cut}: data that was not synced is left, names are lost`,
    names: `${cut}: ${first} names that were not synced are left, and all data`,
  };
  return left[rest ?? ''];
}

/** The power goes in the middle of a change, or something happened to storage at rest. */
function interruptionText(name: string, first?: string, second?: string): string | undefined {
  const words: Record<string, string> = {
    torn: `the power goes after ${first} bytes of it, the rest is ${second === undefined ? 'as it was' : 'garbage'}`,
    'erased-front': `the power goes when the first ${first} bytes are erased`,
    'erased-back': `the power goes when the last ${first} bytes are erased`,
    garbage: first === undefined ? 'the power goes, and its area holds garbage' : `${first} holds garbage`,
    flip: `a bit of byte ${second} of ${first} has turned over`,
    erased: `${first} reads as erased`,
  };
  return words[name];
}

function diskFaultText(name: string): string | undefined {
  const words: Record<string, string> = {
    'no-space': 'there is no space left',
    'io-error': 'it fails with an i/o error',
    'io-error-lasting': 'it and all that follows in this step fails with an i/o error',
    'short-write': 'a part is written, then there is no space left',
    'read-only': 'from here on the storage is read-only',
  };
  if (!name.endsWith('-lost')) return words[name];
  const fault = words[name.slice(0, -'-lost'.length)];
  return fault && `${fault}; then the power goes, and what was not synced is lost`;
}
