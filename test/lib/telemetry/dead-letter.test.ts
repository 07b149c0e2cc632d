import { expect, test } from 'vitest';
import { takeLock } from '../../../src/lib/core/lock.js';
import { openDurableFs } from '../../../src/lib/core/node-durable-fs.js';
import { randomNumbers } from '../../../src/lib/core/random-numbers.js';
import { type DeadLetter, openDeadLetters } from '../../../src/lib/telemetry/dead-letter.js';
import { testFolder } from '../../support/folder.js';
import { RecordedFs } from '../../support/recorded-fs.js';

const PATH = '/data/dead-letters.ndjson';

async function folderOn(disk: RecordedFs): Promise<void> {
  await disk.process().makeDirectory('/data');
}

const letter = (line: number, bytes: Uint8Array | string = '{"a":1'): DeadLetter => ({
  source: 'file:/data/trip.ndjson',
  line,
  cause: 'expected , or } at byte 7',
  bytes: Buffer.from(bytes as string),
});

const always = () => true;

function lettersOn(disk: RecordedFs): DeadLetter[] {
  const text = Buffer.from(disk.files().get(PATH) ?? []).toString('utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test('A letter is a line of JSON with everything that is known of it', async () => {
  const disk = new RecordedFs();
  await folderOn(disk);
  const letters = await openDeadLetters(disk.process(), PATH);
  await letters.append([letter(7), letter(8, 'tab\t, quote ", \u2028, \ufeff and 😀')]);
  await letters.append([letter(9, Uint8Array.of(0xff, 0x00, 0x0d))]);
  await letters.close();
  const known = { source: 'file:/data/trip.ndjson', cause: 'expected , or } at byte 7' };
  expect(lettersOn(disk)).toEqual([
    { ...known, line: 7, text: '{"a":1' },
    { ...known, line: 8, text: 'tab\t, quote ", \u2028, \ufeff and 😀' },
    { ...known, line: 9, base64: '/wAN' },
  ]);
  expect(letters.size).toBe(disk.files().get(PATH)!.length);
});

test('A run without letters makes no file', async () => {
  const disk = new RecordedFs();
  await folderOn(disk);
  const letters = await openDeadLetters(disk.process(), PATH);
  await letters.append([]);
  await letters.sync();
  await letters.cutBack(0, always);
  await letters.close();
  expect([letters.size, disk.files().size]).toEqual([0, 0]);
});

test('What was synced outlives a power cut, the file’s name included', async () => {
  const disk = new RecordedFs();
  await folderOn(disk);
  const letters = await openDeadLetters(disk.process(), PATH);
  await letters.append([letter(1)]);
  await letters.sync();
  const { size } = letters;
  await letters.append([letter(2)]);
  const random = randomNumbers(1);
  for (let attempt = 0; attempt < 50; attempt++) {
    const survivor = disk.afterPowerCut(disk.operations.length, random);
    const next = await openDeadLetters(survivor.process(), PATH);
    await next.cutBack(size, always);
    await next.append([letter(3)]);
    expect(lettersOn(survivor)).toMatchObject([{ line: 1 }, { line: 3 }]);
  }
});

test('Half a letter that a killed run left does not spoil the next one', async () => {
  for (const keptBytes of [0, 1, 50, 70_000]) {
    const disk = new RecordedFs();
    await folderOn(disk);
    const letters = await openDeadLetters(disk.process(), PATH);
    await letters.append([letter(1)]);
    disk.fault = () => ({ code: 'NO_SPACE', keptBytes });
    await expect(letters.append([letter(2, 'x'.repeat(200_000))])).rejects.toMatchObject({ code: 'NO_SPACE' });
    disk.fault = () => undefined;

    const next = await openDeadLetters(disk.process(), PATH);
    await next.append([letter(3)]);
    expect(lettersOn(disk)).toMatchObject([{ line: 1 }, { line: 3 }]);
  }
});

test('The next run goes on behind the letters of the last one, or cuts those back that it will write again', async () => {
  const disk = new RecordedFs();
  await folderOn(disk);
  const first = await openDeadLetters(disk.process(), PATH);
  await first.append([letter(1)]);
  const { size } = first;
  await first.append([letter(2), letter(3)]);
  await first.close();

  const second = await openDeadLetters(disk.process(), PATH);
  expect(second.size).toBe(disk.files().get(PATH)!.length);
  await second.cutBack(size, always);
  await second.append([letter(4)]);
  await second.cutBack(1_000_000, always); // is longer than the file: there is nothing to take back
  await second.close();
  expect(lettersOn(disk)).toMatchObject([{ line: 1 }, { line: 4 }]);
});

test('Nothing is taken back where somebody else wrote as well', async () => {
  for (const foreign of [`${JSON.stringify({ ...letter(9), source: 'file:/other' })}\n`, 'a note\n', '7\n']) {
    const disk = new RecordedFs();
    await folderOn(disk);
    const letters = await openDeadLetters(disk.process(), PATH);
    await letters.append([letter(1)]);
    const { size } = letters;
    await letters.append([letter(2)]);
    disk.damage(PATH, (bytes) => Buffer.concat([bytes, Buffer.from(foreign)]));
    const before = disk.files().get(PATH)!.length;
    const next = await openDeadLetters(disk.process(), PATH);
    await next.cutBack(size, ({ source }) => source === letter(1).source);
    expect(next.size).toBe(before);
    await next.cutBack(size - 1, ({ line }) => line !== 2);
    expect(next.size).toBe(before);
  }
});

test('A file that holds something else keeps it', async () => {
  const disk = new RecordedFs();
  await folderOn(disk);
  const file = await disk.process().open(PATH, 'append');
  await file.append([Buffer.from('one\ntwo without line feed')]);
  const letters = await openDeadLetters(disk.process(), PATH);
  await letters.append([letter(1)]);
  const text = Buffer.from(disk.files().get(PATH)!).toString();
  expect(text.startsWith('one\ntwo without line feed\n{"source"')).toBe(true);
});

test('Two processes do not write to one file at the same time', async () => {
  await using folder = await testFolder();
  const path = folder.file('dead.ndjson');
  const first = await openDeadLetters(openDurableFs(), path, { takeLock });
  await expect(openDeadLetters(openDurableFs(), path, { takeLock })).rejects.toMatchObject({ code: 'LOCKED' });
  await first.close();
  await (await openDeadLetters(openDurableFs(), path, { takeLock })).close();
});

test('A missing folder is told before there is a letter', async () => {
  await expect(openDeadLetters(openDurableFs(), '/no-such-folder/dead-letters.ndjson')).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});
