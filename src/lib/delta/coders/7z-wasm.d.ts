declare module '7z-wasm' {
  /** 7-Zip's program, in memory of its own. It runs once. */
  interface SevenZip {
    FS: {
      writeFile(path: string, bytes: Uint8Array): void;
      readFile(path: string): Uint8Array;
    };
    /** Runs a command line; returns its exit status. */
    callMain(args: string[]): number;
  }

  interface SevenZipOptions {
    /** Gets each line that it would write to the terminal. */
    print?: (line: string) => void;
    printErr?: (line: string) => void;
    /** Gives the next byte of its standard input, null at the end. */
    stdin?: () => number | null;
  }

  const load: (options: SevenZipOptions) => Promise<SevenZip>;
  export default load;
  export type { SevenZip, SevenZipOptions };
}
