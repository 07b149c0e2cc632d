import type { BootControl, ReleaseRecord } from './boot-control.js';
import { contentOf, setOf } from './boot-facts.js';
import { componentLayout, type Layout, physicalSlots } from './layout.js';

/** An image that is to be written. */
export interface NewImage {
  component: string;
  sha256: string;
}

/**
 * Chooses where a new image goes: never a slot that the active set uses; of the others the one that is missed least.
 * That is a slot no confirmed release needs, else the one whose release is the longest gone; of equals
 * one that holds this very image already, as after a revert, else an empty one.
 *
 * @param release digest of what is being installed: it does not need what it replaces
 */
export function targetSlot(
  layout: Layout,
  control: BootControl,
  { component, sha256 }: NewImage,
  release: string,
): string {
  const free = physicalSlots(componentLayout(layout, component)!).filter(
    (slot) => slot !== control.active.slots[component],
  );
  const needs = control.releases.map((record) => neededSlot(control, component, record, release));
  const cost = (slot: string): number => {
    const content = contentOf(control, component, slot);
    const preference = content?.sha256 === sha256 ? 0 : content === undefined ? 1 : 2;
    return 3 * (needs.lastIndexOf(slot) + 1) + preference;
  };
  return free.reduce((best, slot) => (cost(slot) < cost(best) ? slot : best));
}

/** The slot of a component without which a confirmed release could not return as a whole. */
function neededSlot(
  control: BootControl,
  component: string,
  record: ReleaseRecord,
  release: string,
): string | undefined {
  if (record.digest === release || record.digest === control.active.release) return undefined;
  return setOf(control, record)?.slots[component];
}
