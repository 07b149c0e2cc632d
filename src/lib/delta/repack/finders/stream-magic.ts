/** Beginnings of streams, and the codecs they belong to. */
const MAGICS: [codec: string, magic: number[]][] = [['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]]];

/** @returns the codec of the stream that bytes begin with, if it is known */
export function codecOfMagic(bytes: Uint8Array): string | undefined {
  return MAGICS.find(([, magic]) => magic.every((byte, i) => bytes[i] === byte))?.[0];
}
