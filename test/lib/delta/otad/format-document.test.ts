import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { outcomeOf } from '../forged-patch.js';
import { forgeOtad } from './forged-otad.js';

test('the patch that the format document shows is the one that its words describe', async () => {
  const old = Buffer.from('the old image of this device');
  const target = Buffer.from('the second Image of it');
  const covers = [
    [0, 4, 0],
    [6, 10, -3],
  ] as const;
  const differences = Buffer.from([0, 'I'.charCodeAt(0) - 'i'.charCodeAt(0), 0, 0, 0, 0, 0, 0, 0, 0]);
  const extra = Buffer.from('secondit');
  const patch = forgeOtad({ baseSize: old.length, target, covers, kinds: [0, 1], differences, extra });
  expect((await outcomeOf(patch, old, target.length, 'otad')).yielded.toString()).toBe(target.toString());

  const document = await readFile(join(import.meta.dirname, '../../../../docs/delta-format.md'), 'utf8');
  const dump = document.slice(document.indexOf('## A patch, byte by byte'));
  const hex = [...dump.matchAll(/^((?:[0-9a-f]{2} ?)+)(?: {2}|$)/gm)].map(([, bytes]) => bytes!.replaceAll(' ', ''));
  expect(hex.join('')).toBe(patch.toString('hex'));
});
