import { readSync, writeSync } from 'node:fs';

/** What streams unpacked to, so that each is unpacked once although several steps look at it. */
export interface ContentStore {
  keep(codec: string, hash: string, unpacked: Uint8Array): void;
  /** @returns a copy, or undefined for what was not kept */
  take(codec: string, hash: string): Uint8Array | undefined;
}

/** Most that is kept, bytes: of a temporary file. */
const MOST_BYTES = 1024 * 1024 * 1024;

/** Keeps contents in a file, for a thread that may wait. @param descriptor of an empty file */
export function contentsInFile(descriptor: number): ContentStore {
  const places = new Map<string, { at: number; bytes: number }>();
  let end = 0;
  return {
    keep(codec, hash, unpacked) {
      const key = `${codec} ${hash}`;
      if (places.has(key) || end + unpacked.length > MOST_BYTES) return;
      let done = 0;
      while (done < unpacked.length) done += writeSync(descriptor, unpacked, done, unpacked.length - done, end + done);
      places.set(key, { at: end, bytes: unpacked.length });
      end += unpacked.length;
    },
    take(codec, hash) {
      const place = places.get(`${codec} ${hash}`);
      if (place === undefined) return undefined;
      const unpacked = new Uint8Array(place.bytes);
      for (let done = 0; done < unpacked.length; ) {
        const read = readSync(descriptor, unpacked, done, unpacked.length - done, place.at + done);
        if (read === 0) throw new Error('what a stream unpacked to was lost from its temporary file');
        done += read;
      }
      return unpacked;
    },
  };
}

/** For images so small that unpacking again costs nothing. */
export const NO_CONTENTS: ContentStore = { keep: () => undefined, take: () => undefined };
