import { OtaError } from '../core/errors.js';
import { sha256OfAccess } from '../core/sha256.js';
import type { BootSet, SlotContent } from './boot-control.js';
import { contentOf } from './boot-facts.js';
import type { Place } from './boot-machine.js';
import type { Device } from './device.js';
import { slotAccess } from './slot-access.js';

/** A slot that does not hold what it should, and how that shows. */
export interface Damage extends Place {
  reason: string;
}

/**
 * Reads every image of a set and compares its hash: nothing boots that was not just verified.
 *
 * @returns the slots that must not boot; empty for a set that is whole
 */
export async function damageIn(device: Device, { slots }: Pick<BootSet, 'slots'>): Promise<Damage[]> {
  const damages: Damage[] = [];
  for (const [component, slot] of Object.entries(slots)) {
    const reason = await damageOf(device, { component, slot });
    if (reason !== undefined) damages.push({ component, slot, reason });
  }
  return damages;
}

/** In one sentence, for an event. */
export function damageText([first]: readonly Damage[]): string {
  return first === undefined
    ? 'nothing is damaged'
    : `component ${first.component}: slot ${first.slot} ${first.reason}`;
}

async function damageOf(device: Device, { component, slot }: Place): Promise<string | undefined> {
  const content = contentOf(device.control.current, component, slot);
  if (content === undefined) return 'holds no complete image';
  // What could not be read once may be read again; what cannot be read twice must not keep the rest from booting.
  const got = await hashOf(device, { component, slot }, content).catch(ioFailure);
  const again = got instanceof OtaError ? await hashOf(device, { component, slot }, content).catch(ioFailure) : got;
  if (again instanceof OtaError) return `cannot be read: ${again.message}`;
  return again === content.sha256 ? undefined : `is damaged: SHA-256 is ${again}, expected ${content.sha256}`;
}

function hashOf(device: Device, { component, slot }: Place, { size }: SlotContent): Promise<string> {
  return sha256OfAccess(slotAccess(device, component, slot, size));
}

function ioFailure(error: unknown): OtaError {
  if (error instanceof OtaError) return error;
  throw error;
}
