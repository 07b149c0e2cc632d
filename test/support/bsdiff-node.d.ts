declare module 'bsdiff-node' {
  /** Reports percent done, then 100 or a failure. */
  type Report = (percent: number, failure?: string) => void;

  const bsdiff: {
    /** Writes a BSDIFF40 patch. Rejects with strings. */
    diff(oldPath: string, newPath: string, patchPath: string, report?: Report): Promise<void>;
    /** Applies one. */
    patch(oldPath: string, newPath: string, patchPath: string, report?: Report): Promise<void>;
  };
  export default bsdiff;
}
