import { formatByteSize } from '../core/byte-size.js';
import { escapeText } from '../core/text.js';
import type { Manifest } from '../server/backup/manifest.js';
import { factsText } from './table.js';

/** What a backup holds. */
export function backupText(headline: string, { createdAt, files }: Manifest): string {
  const inFolder = (folder: string) => files.filter(({ path }) => path.startsWith(`${folder}/`));
  const counted = (folder: string) => `${inFolder(folder).length} files, ${formatByteSize(bytesOf(inFolder(folder)))}`;
  const facts = factsText([
    ['taken', createdAt],
    ['size', formatByteSize(bytesOf(files))],
    ['artifacts', counted('artifacts')],
    ['telemetry', counted('telemetry')],
  ]);
  return `${escapeText(headline)}\n${facts}`;
}

function bytesOf(files: Manifest['files']): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
