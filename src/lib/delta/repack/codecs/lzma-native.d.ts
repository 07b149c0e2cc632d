declare module 'lzma-native' {
  import type { Transform } from 'node:stream';

  interface LzmaFilter {
    id: string;
    options?: Record<string, number>;
  }

  interface LzmaLibrary {
    createStream(
      coder: 'rawEncoder' | 'rawDecoder' | 'aloneDecoder',
      options: { filters?: LzmaFilter[]; memlimit?: number; synchronous?: boolean },
    ): Transform;
    /** Version of the liblzma inside, `5.2.3`. */
    versionString(): string;
    /** Version of the package. */
    version: string;
    FILTER_X86: string;
    FILTER_POWERPC: string;
    FILTER_IA64: string;
    FILTER_ARM: string;
    FILTER_ARMTHUMB: string;
    FILTER_SPARC: string;
    FILTER_DELTA: string;
    FILTER_LZMA1: string;
    FILTER_LZMA2: string;
  }

  const lzma: LzmaLibrary;
  export default lzma;
  export type { LzmaFilter, LzmaLibrary };
}
