import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SQUASH, STRETCH } from '../../../../src/lib/delta/coders/mix/logistic.js';
import { hash } from '../../../../src/lib/delta/coders/mix/mixer.js';
import { type BitCoder, RangeDecoder, RangeEncoder } from '../../../../src/lib/delta/coders/mix/range-coder.js';
import { foldSign } from '../../../../src/lib/delta/otad/control.js';
import { BodyModel } from '../../../../src/lib/delta/otad/mix/body-model.js';
import { VarintWriter } from '../../../../src/lib/delta/otad/varint.js';
import { outcomeOf } from '../forged-patch.js';
import { forgeOtad } from './forged-otad.js';

const document = readFileSync(join(import.meta.dirname, '../../../../docs/delta-format.md'), 'utf8');

/** Rows of the table under a heading of the document, without those that name its columns. */
function rowsUnder(heading: string): string[][] {
  const [, section = ''] = document.split(`### ${heading}\n`);
  const rows = section.split(/^#/m)[0]!.matchAll(/^\| (.+) \|$/gm);
  const cells = Array.from(rows, ([, row]) => row!.split(' | ').map((cell) => cell.trim()));
  return cells.slice(2);
}

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const numbersOf = (list: string) => list.split(' ').map(Number);

describe('the test vectors of the format document', () => {
  test('are of every machine and every mode', () => {
    const predictions = rowsUnder('Predictions');
    expect(new Set(predictions.map(([machine]) => machine))).toEqual(new Set(['1', '2', '3', '4', '5', '6']));
    expect(new Set(predictions.map(([, mode]) => mode))).toEqual(new Set(['1', '2', '3', '4', '5', '6', '7', '8']));
    for (const heading of ['Numbers', 'Range decoder', 'Functions']) expect(rowsUnder(heading)).not.toEqual([]);
  });

  test.each(rowsUnder('Numbers'))('%s as a varint, %s folded, is %s', (plain, signed, hex) => {
    const out = new VarintWriter();
    out.unsigned(Number(plain));
    expect(foldSign(Number(signed))).toBe(Number(plain));
    expect(Buffer.from(out.bytes)).toEqual(bytesOf(hex!));
  });

  test.each(rowsUnder('Range decoder'))(
    '%s by the probabilities %s are the decisions %s',
    (hex, probabilities, bits) => {
      const decoder = new RangeDecoder();
      decoder.give(bytesOf(hex!));
      decoder.start();
      expect(numbersOf(probabilities!).map((p) => decoder.code(p))).toEqual(numbersOf(bits!));
      expect(decoder.available).toBe(0);
    },
  );

  test.each(rowsUnder('Functions'))('%s is %s', (call, value) => {
    const [, name, list] = /^(\w+)\((.*)\)$/.exec(call!)!;
    const [a, b] = list!.split(', ').map((number) => Number(number.replace('−', '-'))) as [number, number];
    const functions: Record<string, () => number> = {
      squash: () => SQUASH[a + 2048]!,
      stretch: () => STRETCH[a]!,
      hash: () => hash(a, b) >>> 0,
    };
    expect(functions[name!]!()).toBe(Number(value));
  });

  test.each(rowsUnder('Predictions'))('machine %s, mode %s: %s', async (machine, mode, name, old, made) => {
    const images = { old: placed(old!, 96), target: placed(made!, 112) };
    const patch = predictionPatch(Number(machine), Number(mode), name!, images.old, images.target);
    expect((await outcomeOf(patch, images.old, 112, 'otad')).yielded.toString('hex')).toBe(
      images.target.toString('hex'),
    );
  });

  test('the patch of the mixing coder, decision by decision', async () => {
    const old = Buffer.from('the old image of this device');
    const target = Buffer.from('the second Image of it');
    await compareDecisions('A patch of the mixing coder', old, target, (model, mark) => {
      model.field(0);
      model.cover({ gap: 0, length: 4, shift: 0 });
      model.cover({ gap: 6, length: 10, shift: -3 });
      mark('control');
      correct(model, old.subarray(0, 4), target.subarray(0, 4), 0);
      mark('block');
      model.mix.literals.code(Buffer.from(target.subarray(4, 10)), 0, 6, 4);
      mark('extra');
      correct(model, old.subarray(7, 17), target.subarray(10, 20), 10);
      mark('block');
      model.mix.literals.code(Buffer.from(target.subarray(20)), 0, 2, 20);
      mark('extra');
      return 2;
    });
  });

  test('the patch with a match, decision by decision', async () => {
    const target = Buffer.from('reboot, reboot, reboot');
    await compareDecisions('A patch with a match', Buffer.alloc(0), target, (model, mark) => {
      model.field(0);
      mark('control');
      model.mix.literals.code(Buffer.from(target), 0, target.length, 0);
      mark('extra');
      return 0;
    });
  });
});

/** The patch and the decisions under a heading are those that these steps make, and the patch makes the image. */
async function compareDecisions(
  heading: string,
  old: Buffer,
  target: Buffer,
  encode: (model: BodyModel, mark: (name: string) => void) => number,
): Promise<void> {
  const coder = new RecordedCoder();
  const coverCount = encode(new BodyModel(coder, 16), (name) => coder.mark(name));
  const header = forgeOtad({ baseSize: old.length, target, coder: 3, coverCount, bodyBytes: 16 });
  const headerBytes = 12 + 8; // numbers of a byte each, and the hash of one chunk
  const patch = Buffer.concat([header.subarray(0, headerBytes), coder.encoder.finish()]);

  const [, section = ''] = document.split(`### ${heading}\n`);
  const [, hex = '', trace = ''] = /```\n([0-9a-f \n]+)```[^`]+```\n([^`]+)```/.exec(section) ?? [];
  expect(hex.trim().split(/\s+/)).toEqual(patch.toString('hex').match(/../g));
  expect(trace.trim().split(/\s+/)).toEqual(coder.trace);
  expect((await outcomeOf(patch, old, target.length, 'otad')).yielded.toString()).toBe(target.toString());
}

/** An image of zeros but for bytes at places: `16: 00 f0; 64: 6 × 0a 00`. */
function placed(places: string, size: number): Buffer {
  const image = Buffer.alloc(size);
  for (const place of places.split('; ')) {
    const [, at, times = 1, hex] = /^(\d+): (?:(\d+) × )?([0-9a-f ]+)$/.exec(place)!;
    for (let i = 0; i < Number(times); i++) image.set(bytesOf(hex!), Number(at) + i * bytesOf(hex!).length);
  }
  return image;
}

/** As the document says above its table: 16 bytes come in at 48; the second block is as predicted. */
function predictionPatch(machine: number, mode: number, name: string, old: Buffer, target: Buffer): Buffer {
  const segment = (size: number) => [1, 0, size, foldSign(0x401000), 0];
  const isLearned = name.startsWith('learned');
  const first = Buffer.from(target.subarray(0, 48).map((byte, i) => byte - old[i]!));
  return forgeOtad({
    baseSize: old.length,
    target,
    covers: [
      [0, 48, 0],
      [16, 48, -16],
    ],
    fields: [machine, 6, ...segment(96), ...segment(112)],
    kinds: [mode * 2 + (isLearned ? 1 : 0), mode * 2],
    ...(isLearned ? { differences: first } : {}),
    extra: target.subarray(48, 64),
  });
}

function correct(model: BodyModel, old: Buffer, actual: Buffer, newAt: number): void {
  model.mode(0, actual.length);
  model.mix.differences.code(Buffer.from(old), actual, 0, actual.length, newAt, old, 0);
}

/** Encodes, and keeps each decision with its probability. */
class RecordedCoder implements BitCoder {
  readonly encoder = new RangeEncoder();
  readonly trace: string[] = [];
  #since = 0;

  code(probability: number, bit: number): number {
    this.trace.push(`${probability}:${bit}`);
    return this.encoder.code(probability, bit);
  }

  /** Names what was coded since the last mark. */
  mark(name: string): void {
    this.trace.splice(this.#since, 0, name);
    this.#since = this.trace.length;
  }
}
