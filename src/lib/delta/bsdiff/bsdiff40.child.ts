/** What the child tells its parent. */
export type Bsdiff40Message =
  | { kind: 'progress'; percent: number }
  | { kind: 'done' }
  | { kind: 'missing'; reason: string }
  | { kind: 'failed'; reason: string };

const [basePath, targetPath, patchPath] = process.argv.slice(2) as [string, string, string];
process.once('disconnect', () => process.exit()); // the parent is gone: nobody wants the patch
void run().then((message) => process.send?.(message, () => process.exit()));

async function run(): Promise<Bsdiff40Message> {
  const library = await import('bsdiff-node').catch((error: unknown) => error);
  if (library instanceof Error) return { kind: 'missing', reason: firstLine(library.message) };
  const { default: bsdiff } = library as typeof import('bsdiff-node');
  try {
    await bsdiff.diff(basePath, targetPath, patchPath, (percent) => process.send?.({ kind: 'progress', percent }));
    return { kind: 'done' };
  } catch (error) {
    return { kind: 'failed', reason: firstLine(String(error)) }; // the library rejects with strings
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
