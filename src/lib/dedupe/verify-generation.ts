import { join } from 'node:path';
import type { DurableFile, DurableFs } from '../core/durable-fs.js';
import { openIfThere } from '../core/durable-read.js';
import type { GenerationFile } from './generation-files.js';
import { type ScannedFrame, scanLog } from './scan-log.js';
import { readSegment, type Segment } from './segment.js';
import { blockCount } from './segment-layout.js';
import { damagedBlocks } from './segment-reader.js';
import type { DamagedBlock } from './store.js';
import { logName } from './store-names.js';

/** What one file of a partition holds. */
export interface VerifiedGeneration {
  readonly generation: number;
  readonly name: string;
  readonly bytes: number;
  /** Frames of a log, blocks of records of a segment and its header. */
  readonly blocks: number;
  /** Keys of the blocks that are intact. */
  readonly keys: number;
  /** Keys ever inserted before and with it, where nothing of that is damaged. */
  readonly insertedBefore?: number;
  readonly insertedKeys?: number;
  /** Of a log: the oldest generation that counted when its newest frame was written. */
  readonly oldestGeneration?: number;
  /** Of the newest log: what a crash left half-written, or a writer is about to finish. */
  readonly unfinishedBytes: number;
  readonly damage: readonly DamagedBlock[];
}

/**
 * Reads and checks every block of a file.
 *
 * @param isNewest a log that nothing follows may end anywhere
 * @returns undefined when the file has gone
 */
export async function verifyGeneration(
  directory: string,
  file: GenerationFile,
  { fs, isNewest }: { fs: DurableFs; isNewest: boolean },
): Promise<VerifiedGeneration | undefined> {
  const open = await openIfThere(fs, join(directory, file.name));
  if (open === undefined) return undefined;
  const about = { generation: file.generation, name: file.name, bytes: open.size };
  try {
    if (file.kind === 'log') return { ...about, ...verifyLog(open, file, isNewest) };
    const segment = readSegment(open, file.generation);
    if (typeof segment !== 'string') return { ...about, ...verifySegment(segment) };
    // A log that was not removed yet says the same.
    const log = { ...file, kind: 'log', name: logName(file.generation) } as const;
    return (await verifyGeneration(directory, log, { fs, isNewest })) ?? { ...about, ...unreadable(about, segment) };
  } finally {
    await open.close();
  }
}

type Content = Omit<VerifiedGeneration, 'generation' | 'name' | 'bytes'>;

function verifyLog(log: DurableFile, { name, generation }: GenerationFile, isNewest: boolean): Content {
  let first: ScannedFrame['header'] | undefined;
  let last: ScannedFrame['header'] | undefined;
  let frames = 0;
  let keys = 0;
  const { end, tornBytes, damage } = scanLog(log, { file: name, generation }, ({ header }) => {
    first ??= header;
    last = header;
    frames++;
    keys += header.keyCount;
  });
  const torn = {
    file: name,
    offset: end,
    bytes: tornBytes,
    cause: 'the last frame is not whole, though a later file follows',
  };
  return {
    blocks: frames,
    keys,
    ...(first?.number === 0 && { insertedBefore: first.insertedKeys - first.keyCount }),
    ...(last !== undefined && { oldestGeneration: last.oldestGeneration }),
    ...(last !== undefined && damage.length === 0 && { insertedKeys: last.insertedKeys }),
    unfinishedBytes: isNewest ? tornBytes : 0,
    damage: isNewest || tornBytes === 0 ? damage : [...damage, torn],
  };
}

function verifySegment(segment: Segment): Content {
  const { keyCount, insertedBefore, insertedKeys, layout } = segment.header;
  const damage = damagedBlocks(segment);
  const lost = damage.reduce((sum, { keys = 0 }) => sum + keys, 0);
  return {
    blocks: 1 + blockCount(keyCount, layout),
    keys: keyCount - lost,
    insertedBefore,
    insertedKeys,
    unfinishedBytes: 0,
    damage,
  };
}

function unreadable({ name, bytes }: { name: string; bytes: number }, cause: string): Content {
  return { blocks: 1, keys: 0, unfinishedBytes: 0, damage: [{ file: name, offset: 0, bytes, cause }] };
}
