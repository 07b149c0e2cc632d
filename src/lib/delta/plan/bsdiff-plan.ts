import { type BrotliSetting, brotliEncoderBytes, brotliSettings } from '../coders/brotli-encoder.js';
import { BZIP2_ENCODER_BYTES } from '../coders/bzip2-encoder.js';
import type { BsdiffFormat } from '../formats.js';
import { firstThatFits, type Way } from './coding-plan.js';
import type { ImageSizes, MakingPlan, PlanChoices } from './making-plan.js';
import { matchStage } from './match-stage.js';
import { PROCESS_BYTES } from './process-memory.js';
import { requireWithin } from './within-limit.js';

/** How bsdiff's three streams are packed. */
export interface StreamPacking {
  /** At the same time, or one after another. */
  atOnce: boolean;
  /** brotli: for the largest stream; smaller ones have smaller windows. */
  setting: BrotliSetting;
}

/** How a patch of bsdiff's triples is made. */
export interface BsdiffPlan extends MakingPlan {
  /** What the matcher is given, bytes. */
  matchBytes: number;
  packing: StreamPacking;
}

const MIB = 1024 * 1024;
/** Windows of both images, and the triples. */
const PACKING_BYTES = 24 * MIB;
/** An encoder for a stream of hardly any bytes. */
const SMALL_STREAM_BYTES = MIB;

/** @throws OtaError LIMIT_EXCEEDED when the cheapest ways do not fit */
export function bsdiffPlan(format: BsdiffFormat, sizes: ImageSizes, choices: PlanChoices): BsdiffPlan {
  const { baseBytes, targetBytes } = sizes;
  const { effort = 'best', maxMemoryBytes = Number.POSITIVE_INFINITY } = choices;
  const roomBytes = maxMemoryBytes - PROCESS_BYTES;
  const match = matchStage(baseBytes, targetBytes, roomBytes);
  const packing = firstThatFits(packings(format, effort, targetBytes), roomBytes - PACKING_BYTES);
  const memoryBytes = PROCESS_BYTES + Math.max(match.memoryBytes, PACKING_BYTES + packing.memoryBytes);
  requireWithin(format, sizes, memoryBytes, maxMemoryBytes);
  return {
    memoryBytes,
    economies: [match.told, packing.told].filter(Boolean),
    matchBytes: match.how,
    packing: packing.how,
  };
}

function packings(
  format: BsdiffFormat,
  effort: NonNullable<PlanChoices['effort']>,
  size: number,
): Way<StreamPacking>[] {
  const settings = brotliSettings(effort, size);
  const usual = { atOnce: true, setting: settings[0]! };
  if (format === 'bsdiff40') return [{ how: usual, memoryBytes: BZIP2_ENCODER_BYTES, told: '' }];
  const bytes = (setting: BrotliSetting, streamBytes: number) => brotliEncoderBytes(setting, streamBytes);
  // what is not in the difference stream is in the extra stream
  const [half] = brotliSettings(effort, size / 2);
  const all = bytes(usual.setting, size) + bytes(half!, size / 2) + bytes(half!, Math.min(size, SMALL_STREAM_BYTES));
  return [
    { how: usual, memoryBytes: all, told: '' },
    ...settings.map((setting) => ({
      how: { atOnce: false, setting },
      memoryBytes: bytes(setting, size),
      told: `brotli packs one stream after another, at level ${setting.quality} with windows of 2^${setting.windowBits} bytes`,
    })),
  ];
}
