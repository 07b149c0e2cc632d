/** What lies in a store's folder. */
export type StoreFileKind = 'log' | 'segment' | 'aside';

export interface StoreFileName {
  readonly kind: StoreFileKind;
  readonly generation: number;
}

export function logName(generation: number): string {
  return `${digits(generation)}.log`;
}

export function segmentName(generation: number): string {
  return `${digits(generation)}.segment`;
}

/** A file that is being written and gets its name when it is complete. */
export function asideName(name: string): string {
  return `${name}.new`;
}

/** @returns undefined for a name that is none of the store's */
export function parseStoreFileName(name: string): StoreFileName | undefined {
  const [, number, kind, aside] = /^(\d{8,10})\.(log|segment)(\.new)?$/.exec(name) ?? [];
  if (number === undefined) return undefined;
  return { kind: aside === undefined ? (kind as 'log' | 'segment') : 'aside', generation: Number(number) };
}

function digits(generation: number): string {
  return String(generation).padStart(8, '0');
}
