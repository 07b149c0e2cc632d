import type { BootControl, BootSet } from './boot-control.js';
import { contentOf } from './boot-facts.js';
import { beginSwap, endSwap } from './boot-machine.js';
import { commitAnyway } from './commit-step.js';
import type { Device } from './device.js';
import { growTo, readFlash, writeBlock } from './flash.js';
import { componentLayout, type Layout, physicalSlots, roundUp, STAGING_SLOT } from './layout.js';
import { slotImageFile } from './slot-access.js';
import { prepareJournal, SwapJournal } from './swap-journal.js';

/** `<component>.scratch`: one erase block. */
export function scratchFile(component: string): string {
  return `${component}.scratch`;
}

/** A component of a set whose image waits in the staging area, from which nothing can run. */
export function outOfPlace({ slots }: Pick<BootSet, 'slots'>): string | undefined {
  return Object.keys(slots).find((component) => slots[component] === STAGING_SLOT);
}

/**
 * Makes room for an exchange of the two slots of a component, so that the exchange itself cannot fail for want
 * of space. Repeatable.
 *
 * @throws OtaError NO_SPACE and as `DeviceFs`
 */
export async function prepareSwap(device: Device, component: string): Promise<void> {
  const {
    machine: { fs },
    layout,
  } = device;
  const { slotBytes } = componentLayout(layout, component)!;
  const grown: (string | undefined)[] = [await prepareJournal(device, component)];
  if (await growTo(device, scratchFile(component), layout.eraseBlockBytes)) grown.push(scratchFile(component));
  for (const slot of placesOf(layout, component)) {
    const file = slotImageFile(component, slot);
    if (await growTo(device, file, slotBytes)) grown.push(file);
  }
  const files = grown.filter((file) => file !== undefined);
  for (const file of files) await fs.sync(file);
  if (files.length > 0) await fs.syncDirectory();
}

/**
 * Exchanges the two images of a component, block by block, or goes on with that where it was cut. Takes no space
 * after {@link prepareSwap}.
 *
 * @throws OtaError as `DeviceFs`: the next boot goes on with it
 */
export async function swap(device: Device, component: string): Promise<void> {
  const {
    control,
    machine: { clock },
    layout,
  } = device;
  if (control.current.swap === undefined) {
    await commitAnyway(device, beginSwap(control.current, clock.now(), component));
  }
  await exchange(device, component, control.current.swap!.id);
  await commitAnyway(device, endSwap(control.current, clock.now(), placesOf(layout, component)));
}

/**
 * Finds an exchange that was under way when the copy of the boot control block that said so was damaged. The copy
 * before it says that both images are where they were, and the journal knows better: records of the
 * commit that is missing.
 *
 * @returns the component; its swap begins once more, under the same id, and so goes on
 */
export async function lostSwap(device: Device): Promise<string | undefined> {
  const {
    layout,
    control: { current },
  } = device;
  if (current.swap !== undefined) return undefined;
  for (const [component, { slots }] of Object.entries(layout.components)) {
    if (slots.length > 1) continue;
    const { progress } = await SwapJournal.open(device, component, current.sequence + 1);
    if (progress !== undefined) return component;
  }
  return undefined;
}

/*
 * Before each record the bytes it tells of are durable. A cut repeats at most the step that was under way, and no
 * step destroys what it reads. Without a record nothing but the scratch block was touched.
 */
async function exchange(device: Device, component: string, id: number): Promise<void> {
  const {
    layout: { eraseBlockBytes },
    control: { current },
  } = device;
  const [first, second] = placesOf(device.layout, component).map((slot) => slotImageFile(component, slot)) as [
    string,
    string,
  ];
  const scratch = scratchFile(component);
  const journal = await SwapJournal.open(device, component, id);
  const blocks = exchangedBytes(device.layout, current, component) / eraseBlockBytes;
  for (let block = journal.progress?.block ?? 0; block < blocks; block++) {
    const at = block * eraseBlockBytes;
    const done = journal.progress?.block === block ? journal.progress.step : 0;
    if (done === 0) {
      if (await isEqual(device, at, first, second)) continue;
      await copyBlock(device, { file: first, at }, { file: scratch, at: 0 });
      await journal.add({ block, step: 1 });
    }
    if (done <= 1) {
      await copyBlock(device, { file: second, at }, { file: first, at });
      await journal.add({ block, step: 2 });
    }
    if (done <= 2) {
      await copyBlock(device, { file: scratch, at: 0 }, { file: second, at });
      await journal.add({ block, step: 3 });
    }
  }
}

async function isEqual(device: Device, at: number, ...files: [string, string]): Promise<boolean> {
  const [one, other] = [await readBlock(device, files[0], at), await readBlock(device, files[1], at)];
  return one.equals(other);
}

async function copyBlock(
  device: Device,
  from: { file: string; at: number },
  to: { file: string; at: number },
): Promise<void> {
  const bytes = await readBlock(device, from.file, from.at);
  const present = await readBlock(device, to.file, to.at);
  await writeBlock(device, to.file, to.at, { present, bytes });
  await device.machine.fs.sync(to.file); // also where nothing was written: it may be there only in memory
}

async function readBlock(device: Device, file: string, at: number): Promise<Buffer> {
  const bytes = Buffer.alloc(device.layout.eraseBlockBytes);
  await readFlash(device, file, bytes, at);
  return bytes;
}

/** Whole erase blocks that hold the larger of the two images; beyond them there is nothing of worth. */
function exchangedBytes(layout: Layout, control: BootControl, component: string): number {
  const sizes = placesOf(layout, component).map((slot) => contentOf(control, component, slot)?.size ?? 0);
  return roundUp(Math.max(...sizes), layout.eraseBlockBytes);
}

function placesOf(layout: Layout, component: string): [string, string] {
  const [one, two] = physicalSlots(componentLayout(layout, component)!);
  return [one!, two!];
}
