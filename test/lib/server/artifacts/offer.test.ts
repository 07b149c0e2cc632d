import { describe, expect, test } from 'vitest';
import { type Cut, chooseCut, type KnownImages } from '../../../../src/lib/server/artifacts/offer.js';

const sha256 = (digit: string) => digit.repeat(64);
const cut = (label: string, bases: Record<string, string>, size: number): Cut => ({
  ...{ label, bases, size, filename: `m.${label}.ota` },
  ...{ md5: '', sha1: '', sha256: sha256('0') },
});
const runs = (images: Record<string, string>, isReported = true): KnownImages =>
  new Map(Object.entries(images).map(([component, image]) => [component, { sha256: image, isReported }]));

const both = cut('aaaaaaaa', { app: sha256('a'), modem: sha256('b') }, 100);
const app = cut('cccccccc', { app: sha256('c') }, 50);
const full = cut('full', {}, 1000);

describe('the cut for a device', () => {
  test.each<[string, Cut[], KnownImages, string | undefined, string]>([
    [
      'fits all its components',
      [both, app, full],
      runs({ app: sha256('a'), modem: sha256('b') }),
      'aaaaaaaa',
      'offered for base aaaaaaaa, 100 bytes',
    ],
    ['does not fit by half', [both, full], runs({ app: sha256('a') }), 'full', 'what modem runs is not known'],
    [
      'is the smaller of two that fit',
      [{ ...app, label: 'big', size: 60 }, app],
      runs({ app: sha256('c') }),
      'cccccccc',
      '50 bytes',
    ],
    [
      'is the full image where nothing is known',
      [app, full],
      runs({}),
      'full',
      'so the full image is offered, 1000 bytes',
    ],
    [
      'is known by what the server installed',
      [app, full],
      runs({ app: sha256('d') }, false),
      'full',
      'app runs dddddddd as the server last installed',
    ],
    [
      'is nothing without a full image',
      [app],
      runs({ app: sha256('d') }),
      undefined,
      'and the package has no full image',
    ],
    ['is the whole where there are no deltas', [full], runs({}), 'full', 'offered, 1000 bytes'],
  ])('%s', (_, cuts, images, label, said) => {
    const { file, message } = chooseCut('m.ota', cuts, images);
    expect((file as Cut | undefined)?.label).toBe(label);
    expect(message).toContain(said);
    expect(message.startsWith('m.ota: ')).toBe(true);
  });
});
