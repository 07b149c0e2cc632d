import { describe, expect, it } from 'vitest';
import { newDevice, randomImage, release, runs } from '../../support/device-life.js';

describe('a device', () => {
  it('boots a release on trial after it was installed, and keeps it once confirmed', async () => {
    await using life = await newDevice();
    const app = randomImage(3000);
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, version: '1.0.0', images: runs() });
    const report = await life.install(await release(2, { app }));
    expect(report).toMatchObject({ outcome: 'installed', version: '2.0.0', attempts: 3, components: [{ slot: 'b' }] });
    expect((await life.boot()).booted).toMatchObject({ onTrial: true, attemptsLeft: 2, images: runs({ app }) });
    await life.confirm();
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, version: '2.0.0', images: runs({ app }) });
  });
  it('swaps', async () => {
    await using life = await newDevice();
    const modem = randomImage(1500);
    await life.install(await release(2, { modem }));
    expect((await life.boot('fails')).booted).toMatchObject({
      onTrial: true,
      attemptsLeft: 2,
      images: runs({ modem }),
    });
    await life.boot('fails');
    await life.boot('fails');
    expect(await life.boot()).toMatchObject({
      reverted: { version: '2.0.0' },
      swapped: ['modem'],
      booted: { images: runs() },
    });
    await life.update(await release(2, { modem }));
    expect((await life.boot()).booted).toMatchObject({ onTrial: false, images: runs({ modem }) });
  });
});
