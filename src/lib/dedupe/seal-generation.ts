import { join } from 'node:path';
import type { GenerationLog, LogContext } from './generation-log.js';
import type { Sealer } from './sealer.js';
import { encodeSegmentStart, Segment, type SegmentHeader } from './segment.js';
import { asideName, segmentName } from './store-names.js';

/**
 * Writes the segment of a generation that takes no more keys. The log stays: it goes when nobody looks into its
 * table any more.
 */
export async function sealGeneration(
  { fs, directory }: LogContext,
  sealer: Sealer,
  log: GenerationLog,
): Promise<Segment> {
  const { generation, table, committed: keyCount, first, last, insertedBefore, insertedKeys, firstTimeMs } = log;
  const encoded = await sealer.encode({ count: keyCount, keys: table.keys, digests: table.digests });
  const header: SegmentHeader = {
    generation,
    keyCount,
    insertedBefore,
    insertedKeys,
    first,
    last,
    firstTimeMs,
    lastTimeMs: last?.eventTimeMs,
    layout: encoded.layout,
  };
  const start = encodeSegmentStart(header, encoded.index);
  const path = join(directory, segmentName(generation));
  const aside = join(directory, asideName(segmentName(generation)));
  await fs.remove(aside);
  const file = await fs.open(aside, 'append');
  try {
    await file.append([...start, encoded.records]);
    await file.sync();
    await fs.rename(aside, path);
    await fs.syncDirectory(directory);
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
  sealer.recycle(encoded.records);
  const recordsAt = start.reduce((sum, part) => sum + part.byteLength, 0);
  return new Segment(file, header, recordsAt, encoded.index);
}
