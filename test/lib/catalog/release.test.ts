import { describe, expect, test } from 'vitest';
import {
  enterChannel,
  leaveChannel,
  restore,
  withCutsOf,
  withoutFiles,
  yank,
} from '../../../src/lib/catalog/release.js';
import { imageSha256, published } from '../../support/catalogue.js';

const label = (version: string) => imageSha256('app', version).slice(0, 8);

describe('a published release', () => {
  test('has a cut for each base and one for the full image, with the bytes of each', () => {
    const release = published('3.0.0', { app: { from: { '1.0.0': 300, '2.0.0': 100 }, full: true } });
    expect(release.cuts.map((cut) => [cut.label, cut.bytes])).toEqual([
      [label('1.0.0'), 300],
      [label('2.0.0'), 100],
      ['full', 1000],
    ]);
    expect(release).toMatchObject({ artifactBytes: 1400, channels: [], metadata: { version: '3.0.0' } });
  });

  test('a component with one payload is in every cut', () => {
    const release = published('3.0.0', { app: { from: { '1.0.0': 300, '2.0.0': 100 } }, boot: { imageBytes: 50 } });
    expect(release.cuts.map(({ bytes }) => bytes)).toEqual([350, 150]);
  });

  test('a package that cannot be cut is fetched whole', () => {
    const release = published('3.0.0', {
      app: { from: { '1.0.0': 300, '2.0.0': 100 }, full: true },
      boot: { from: { '1.0.0': 30 }, full: true, imageBytes: 50 },
    });
    expect(release.cuts).toMatchObject([{ label: 'whole', bytes: 1480 }]);
    expect(release.cuts[0]?.files).toHaveLength(5);
  });

  test('gathers the cuts of containers that were published one by one', () => {
    const release = published('3.0.0', { app: { from: { '1.0.0': 300, '2.0.0': 100 } } });
    const [first, second] = release.cuts.map((cut) => ({ ...release, cuts: [cut] }));
    const both = withCutsOf(first!, second!);
    expect(both.cuts).toEqual(release.cuts);
    expect(withCutsOf(both, first!)).toEqual(both);
    expect(() => withCutsOf(both, published('4.0.0', { app: {} }))).toThrow('another release');
  });

  test('enters a channel once and keeps the time, and leaves it', () => {
    const entered = enterChannel(enterChannel(published('1.0.0', { app: {} }), 'beta', 5), 'stable', 9);
    expect(enterChannel(entered, 'beta', 77)).toEqual(entered);
    expect(entered.channels).toEqual([
      { name: 'beta', enteredAtMs: 5 },
      { name: 'stable', enteredAtMs: 9 },
    ]);
    expect(leaveChannel(entered, 'beta').channels).toEqual([{ name: 'stable', enteredAtMs: 9 }]);
  });

  test('is yanked with a reason, and can be restored', () => {
    const release = published('1.0.0', { app: {} });
    const yanked = yank(release, 'bricks rev C', 7);
    expect(yanked.yanked).toEqual({ reason: 'bricks rev C', atMs: 7 });
    expect(restore(yanked)).toEqual(release);
  });

  test('is plain data, and remembered without its files', () => {
    const release = yank(published('1.0.0', { app: {} }, { channels: ['stable'] }), 'old', 1);
    expect(JSON.parse(JSON.stringify(release))).toEqual(release);
    expect(withoutFiles(release)).toMatchObject({ cuts: [], digest: release.digest });
  });
});
