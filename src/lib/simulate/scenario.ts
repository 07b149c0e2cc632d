import { OtaError } from '../core/errors.js';
import type { FirmwareBehaviour } from './updater.js';

/** `good`, `bad:N` (the new firmware fails its first N boots), `hang`. */
export type BootsSpec = 'good' | `bad:${number}` | 'hang';

/** A stretch of a life with one aim. */
export interface Phase {
  /** `new`: the new release runs, confirmed. `old-again`: the device has given it up. `rolled-back`: by wish. */
  goal: 'new' | 'old-again' | 'rolled-back';
  /** How the new firmware behaves meanwhile … */
  firmware: FirmwareBehaviour;
  /** … for so many boots; absent: all. Afterwards it is good. */
  firstBoots?: number;
  /** Whether faults happen in it. One that is not only proves that the device can still be updated. */
  explored: boolean;
}

/** @throws OtaError SIMULATION_INVALID */
export function parseBoots(text: string): BootsSpec {
  if (text === 'good' || text === 'hang') return text;
  const [, count] = /^bad:([1-9]\d{0,2})$/.exec(text) ?? [];
  if (count !== undefined) return `bad:${Number(count)}`;
  throw new OtaError('SIMULATION_INVALID', `boots: got ${JSON.stringify(text)}, expected good, bad:N or hang`, [
    'For example bad:3, for firmware that fails its first three boots.',
  ]);
}

/**
 * What is to be reached in a life, one after the other. Firmware that fails for as long as it is tried is given up,
 * offered again in a good build, and must then stay.
 *
 * @param bootAttempts boots that a release has until it must be confirmed
 * @param canRollBack  whether policy lets the device go back from the new release by wish
 */
export function phasesOf(boots: BootsSpec, bootAttempts: number, canRollBack: boolean): Phase[] {
  const update: Phase = { goal: 'new', firmware: 'good', explored: true };
  if (boots === 'hang') return [{ goal: 'old-again', firmware: 'hangs', explored: true }, update];
  if (boots !== 'good') {
    const failures = Number(boots.slice('bad:'.length));
    if (failures < bootAttempts) return [{ ...update, firmware: 'fails', firstBoots: failures }];
    return [{ goal: 'old-again', firmware: 'fails', explored: true }, update];
  }
  if (!canRollBack) return [update];
  return [update, { goal: 'rolled-back', firmware: 'good', explored: true }, { ...update, explored: false }];
}
