import { hash } from 'node:crypto';
import { OtaError } from '../../../src/lib/core/errors.js';
import { memoryAccess } from '../../../src/lib/core/file-access.js';
import type { DeviceFs } from '../../../src/lib/device/device-fs.js';
import { EMPTY_STATE, type Geometry, poweredUp } from '../../../src/lib/simulate/disk.js';
import type { Experiment, KnownRelease } from '../../../src/lib/simulate/experiment.js';
import { SimulatedFs } from '../../../src/lib/simulate/simulated-fs.js';
import type { DeviceFacts, Updater } from '../../../src/lib/simulate/updater.js';

/** All that a toy device decides by: one small file, replaced as a whole. */
interface Flag {
  sequence: number;
  type: string;
  release: string;
  confirmed: 'a' | 'b';
  trial?: { slot: 'a' | 'b'; left: number };
  releases: { a: string; b: string };
  counter: number;
}

export interface ToyOptions {
  /** Sync the image before the flag refers to it. */
  syncImage?: boolean;
  /** Write the flag aside and rename it. */
  atomicFlag?: boolean;
  /** Write the image before the flag refers to it. */
  imageFirst?: boolean;
  /** Sync the flag and its name. */
  syncFlag?: boolean;
  /** Store the counter with the confirmation, not with the activation. */
  counterAtConfirm?: boolean;
  /** Count an attempt before it happens. */
  countAttempts?: boolean;
  /** Write what the log says once. */
  logOnce?: boolean;
}

export const TOY_GEOMETRY: Geometry = { eraseBlockBytes: 256, writeAlignmentBytes: 64, erasedValue: 0xff };
const ATTEMPTS = 2;
const IMAGE_BYTES = 512;

const image = (value: string) => Buffer.alloc(IMAGE_BYTES, value);
const other = (slot: 'a' | 'b') => (slot === 'a' ? 'b' : 'a');
const digestOf = (bytes: Uint8Array) => hash('sha256', bytes);

const known = (value: string, securityCounter: number): KnownRelease => ({
  digest: digestOf(image(value)),
  version: value,
  images: { app: digestOf(image(value)) },
  securityCounter,
});

/** An updater of two slots and one flag: sound unless an option says otherwise. */
export function toyUpdater({
  syncImage = true,
  atomicFlag = true,
  imageFirst = true,
  syncFlag = true,
  counterAtConfirm = true,
  countAttempts = true,
  logOnce = true,
}: ToyOptions = {}): Updater {
  const commit = async (fs: DeviceFs, flag: Flag) => {
    const bytes = Buffer.from(JSON.stringify(flag));
    if (!atomicFlag) {
      await fs.truncate('flag', 0);
      await fs.write('flag', 0, bytes);
      if (syncFlag) await fs.sync('flag');
      return;
    }
    await fs.remove('flag.new');
    await fs.write('flag.new', 0, bytes);
    if (syncFlag) await fs.sync('flag.new');
    await fs.rename('flag.new', 'flag');
    if (syncFlag) await fs.syncDirectory();
  };
  /** Brings the log up to the flag. */
  const log = async (fs: DeviceFs, { sequence, type, release }: Flag) => {
    const text = await readText(fs, 'events');
    const whole = wholeLines(text).join('');
    const has = whole.includes(`{"sequence":${sequence},`);
    if (whole.length < text.length) await fs.truncate('events', whole.length);
    const line = `${JSON.stringify({ sequence, type, release })}\n`;
    if (!has || !logOnce) await fs.write('events', whole.length, Buffer.from(line));
    await fs.sync('events');
    await fs.syncDirectory();
  };
  const step = async (fs: DeviceFs, flag: Flag, change: Partial<Flag> & { type: string; release: string }) => {
    await log(fs, flag);
    const next: Flag = { ...flag, ...change, sequence: flag.sequence + 1 };
    if (change.trial === undefined && 'trial' in change) delete next.trial;
    await commit(fs, next);
    return next;
  };
  const writeImage = async (fs: DeviceFs, slot: 'a' | 'b', bytes: Uint8Array) => {
    const file = `app.${slot}.image`;
    await fs.erase(file, 0, IMAGE_BYTES);
    for (let at = 0; at < IMAGE_BYTES; at += 256) await fs.write(file, at, bytes.subarray(at, at + 256));
    if (syncImage) await fs.sync(file);
  };
  const activate = (fs: DeviceFs, flag: Flag, slot: 'a' | 'b', release: string) =>
    step(fs, flag, {
      type: 'activated',
      release,
      trial: { slot, left: ATTEMPTS },
      releases: { ...flag.releases, [slot]: release },
      counter: counterAtConfirm ? flag.counter : counterOf(release),
    });

  const updater: Updater = {
    async boot({ fs }, behaviourOf) {
      let flag = await readFlag(fs);
      if (flag.trial !== undefined) {
        const { slot, left } = flag.trial;
        const release = flag.releases[slot];
        if (left > 0 && (await imageDigest(fs, slot)) === release) {
          const trial = { slot, left: countAttempts ? left - 1 : left };
          flag = await step(fs, flag, { type: 'boot-attempt', release, trial });
          const behaviour = behaviourOf(release);
          if (behaviour === 'hangs') await step(fs, flag, { type: 'watchdog', release, trial: { slot, left: 0 } });
          return { release, images: started(slot), onTrial: true };
        }
        flag = await step(fs, flag, { type: 'reverted', release, trial: undefined } as never);
      }
      const slot = flag.confirmed;
      const release = flag.releases[slot];
      if ((await imageDigest(fs, slot)) !== release) throw new OtaError('DEVICE_UNBOOTABLE', 'nothing is whole');
      behaviourOf(release);
      return { release, images: started(slot), onTrial: false };
    },
    async download({ fs }, { data, onFetched }) {
      if ((await fs.size('download')) === data.size) return;
      const bytes = Buffer.alloc(data.size);
      await data.read(bytes, 0);
      onFetched(bytes.length);
      await fs.remove('download.new');
      await fs.write('download.new', 0, bytes);
      await fs.sync('download.new');
      await fs.rename('download.new', 'download');
      await fs.syncDirectory();
    },
    async install(machine, delivery) {
      const { fs } = machine;
      await updater.download(machine, delivery);
      const bytes = Buffer.alloc(IMAGE_BYTES);
      await fs.read('download', bytes, 0);
      await fs.remove('download');
      await fs.syncDirectory();
      const [release] = [digestOf(bytes)];
      if (release !== NEW.digest) throw new OtaError('IO_FAILED', 'the download is torn');
      const flag = await readFlag(fs);
      const slot = other(flag.confirmed);
      const marked = await step(fs, flag, { type: 'installing', release, trial: undefined } as never);
      if (imageFirst) await writeImage(fs, slot, bytes);
      await activate(fs, marked, slot, release);
      if (!imageFirst) await writeImage(fs, slot, bytes);
    },
    async confirm({ fs }) {
      const flag = await readFlag(fs);
      if (flag.trial === undefined) throw new OtaError('CONFIRM_REFUSED', 'nothing is on trial');
      const { slot } = flag.trial;
      const release = flag.releases[slot];
      const counter = Math.max(flag.counter, counterOf(release));
      await step(fs, flag, { type: 'confirmed', release, confirmed: slot, counter, trial: undefined } as never);
    },
    async rollback({ fs }) {
      const flag = await readFlag(fs);
      const slot = other(flag.confirmed);
      const release = flag.releases[slot];
      if ((await imageDigest(fs, slot)) !== release) throw new OtaError('NO_ROLLBACK_TARGET', 'the image is gone');
      await activate(fs, flag, slot, release);
    },
    async facts({ fs }): Promise<DeviceFacts> {
      const { confirmed, counter, sequence, releases } = await readFlag(fs);
      const events = wholeLines(await readText(fs, 'events')).map((line) => JSON.parse(line));
      return { confirmed: releases[confirmed], securityCounter: counter, sequence, events };
    },
  };
  return updater;
}

const OLD = known('o', 1);
const NEW = known('n', 1);
const RAISED = known('n', 2);

function counterOf(release: string): number {
  return release === OLD.digest ? 1 : raised ? 2 : 1;
}
let raised = false;

/** @param raises whether the new release has a higher security counter */
export async function toyExperiment(options: ToyOptions = {}, raises = false): Promise<Experiment> {
  raised = raises;
  const fs = new SimulatedFs(poweredUp(EMPTY_STATE), { geometry: TOY_GEOMETRY });
  await fs.write('app.a.image', 0, image('o'));
  await fs.sync('app.a.image');
  await fs.erase('app.b.image', 0, IMAGE_BYTES);
  await fs.sync('app.b.image');
  const flag: Flag = {
    sequence: 1,
    type: 'initialised',
    release: OLD.digest,
    confirmed: 'a',
    releases: { a: OLD.digest, b: '' },
    counter: 1,
  };
  await fs.write('flag', 0, Buffer.from(JSON.stringify(flag)));
  await fs.sync('flag');
  await fs.write('events', 0, Buffer.from(`{"sequence":1,"type":"initialised","release":"${OLD.digest}"}\n`));
  await fs.sync('events');
  await fs.syncDirectory();
  return {
    updater: toyUpdater(options),
    factory: fs.disk.durable,
    geometry: TOY_GEOMETRY,
    clock: { now: () => new Date(0) },
    package: memoryAccess(image('n'), 'toy'),
    old: OLD,
    new: raises ? RAISED : NEW,
    bootAttempts: ATTEMPTS,
    seed: 1,
  };
}

function started(slot: 'a' | 'b') {
  return { app: { file: `app.${slot}.image`, size: IMAGE_BYTES } };
}

async function imageDigest(fs: DeviceFs, slot: 'a' | 'b'): Promise<string> {
  const bytes = Buffer.alloc(IMAGE_BYTES);
  await fs.read(`app.${slot}.image`, bytes, 0);
  return digestOf(bytes);
}

async function readFlag(fs: DeviceFs): Promise<Flag> {
  try {
    return JSON.parse(await readText(fs, 'flag'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new OtaError('DEVICE_STATE_LOST', 'the flag cannot be read');
  }
}

async function readText(fs: DeviceFs, name: string): Promise<string> {
  const bytes = Buffer.alloc((await fs.size(name)) ?? 0);
  if (bytes.length > 0) await fs.read(name, bytes, 0);
  return bytes.toString('latin1');
}

/** The lines of a log up to the first that an interrupted append may have left. */
function wholeLines(text: string): string[] {
  const lines = text.split('\n').slice(0, -1);
  const torn = lines.findIndex((line) => !/^\{"sequence":\d+,"type":"[a-z-]+","release":"[0-9a-f]{64}"\}$/.test(line));
  return lines.slice(0, torn < 0 ? lines.length : torn).map((line) => `${line}\n`);
}
