import { randomNumbers } from '../core/random-numbers.js';
import { STAGING_SLOT } from '../device/layout.js';
import { slotImageFile } from '../device/slot-access.js';
import { applyChanges, type DiskState } from './disk.js';
import type { Experiment } from './experiment.js';
import type { Garbage } from './garbage.js';
import type { Memory } from './life.js';
import type { BootOutcome } from './updater.js';

/** Storage that was damaged while nobody wrote to it. */
export interface HarmedDisk {
  model: string;
  state: DiskState;
  harmed: NonNullable<Memory['harmed']>;
}

const FLIPS_PER_FILE = 3;
const CONTROL_COPY = /^boot-control\.\d$/;

/** Image files of a device that runs: what it has started and, on trial, what it would go back to. */
export class NeededImages {
  files: readonly string[] = [];
  #confirmed: readonly string[] = [];

  booted({ images, onTrial }: Pick<BootOutcome, 'images' | 'onTrial'>): void {
    const started = Object.values(images).map(({ file }) => file);
    if (!onTrial) this.#confirmed = started;
    // An image on trial in the place of the confirmed one was exchanged with it.
    const exchanged = Object.entries(images).filter(([, { file }]) => onTrial && this.#confirmed.includes(file));
    const waiting = exchanged.map(([component]) => slotImageFile(component, STAGING_SLOT));
    this.files = [...this.#confirmed, ...started, ...waiting];
  }
}

/**
 * - `flip:FILE:BYTE`: one bit is another one, in an image that neither runs nor is fallen back to, or in a copy of the
 *   boot control block
 * - `garbage:FILE`, `erased:FILE`: a copy of the boot control block is lost, so that the other one must do
 */
export function* harmedDisks(
  state: DiskState,
  needed: readonly string[],
  { seed, geometry }: Experiment,
  garbage: Garbage,
): Generator<HarmedDisk> {
  const random = randomNumbers(seed);
  for (const [name, inode] of [...state.names].sort()) {
    const content = state.contents.get(inode)!;
    const replaced = (position: number, bytes: Uint8Array) =>
      applyChanges(state, [{ kind: 'write', inode, position, bytes }], geometry);
    const isControl = CONTROL_COPY.test(name);
    if (isControl) {
      yield { model: `garbage:${name}`, state: replaced(0, garbage.at(0, content.size)), harmed: 'control' };
      const erased = new Uint8Array(content.size).fill(geometry.erasedValue);
      yield { model: `erased:${name}`, state: replaced(0, erased), harmed: 'control' };
    } else if (!name.endsWith('.image') || needed.includes(name)) continue;
    // Only where something is written can a flipped bit do harm.
    const used = content.usedBytes(geometry.erasedValue);
    for (let flip = 0; flip < FLIPS_PER_FILE && used > 0; flip++) {
      const position = Math.floor(random() * used);
      const byte = content.slice(position, 1)[0]! ^ (1 << Math.floor(random() * 8));
      const harmed = isControl ? 'control' : 'slot';
      yield { model: `flip:${name}:${position}`, state: replaced(position, Uint8Array.of(byte)), harmed };
    }
  }
}
