import { hash } from 'node:crypto';
import { type Disk, diskDigest } from './disk.js';
import type { Phase } from './scenario.js';
import type { FirmwareBehaviour } from './updater.js';

export type Step = 'boot' | 'download' | 'install' | 'confirm' | 'rollback';

/**
 * What the world around a device remembers: a server and somebody who watches. Only what decides is in
 * here, so that lives that will go on alike are the same life.
 */
export interface Memory {
  /** Index of the phase. */
  phase: number;
  next: Step | 'done';
  /** Boots of the new firmware in this phase that failed, as far as their number matters. */
  failedBoots: number;
  /** The new firmware has run in this phase and was bad. */
  tried: boolean;
  /** Somebody has asked in this phase to confirm what runs. */
  confirmAsked: boolean;
  /** The command that has just reported success, which therefore must last. */
  promised?: 'install' | 'confirm' | 'rollback';
  /** Storage was damaged while nobody wrote: commands may be refused, the device must still run. */
  harmed?: 'slot' | 'control';
  /** The boot loader met a disk that took no line for the log: it boots all the same. */
  logGaps?: true;
}

export interface Life {
  disk: Disk;
  memory: Memory;
}

export const BIRTH: Memory = { phase: 0, next: 'boot', failedBoots: 0, tried: false, confirmAsked: false };

/** Equal for lives that will go on alike; 24 hex digits, since there may be millions of them. */
export function lifeDigest({ disk, memory }: Life): string {
  return hash('sha256', `${diskDigest(disk)}\n${JSON.stringify(memory)}`, 'hex').slice(0, 24);
}

/** How the new firmware will behave at its next boot, after `boots` more of them. */
export function firmwareBehaviour(
  { firmware, firstBoots }: Phase,
  { failedBoots }: Memory,
  boots: number,
): FirmwareBehaviour {
  return firstBoots === undefined || failedBoots + boots < firstBoots ? firmware : 'good';
}

/** What is remembered once the power has gone in a step; `badRuns` boots of bad firmware had happened in it. */
export function memoryAfterCut(memory: Memory, phase: Phase, badRuns: number): Memory {
  const { promised, ...rest } = withBadRuns(memory, phase, badRuns);
  const confirmAsked = memory.confirmAsked || memory.next === 'confirm';
  // What was confirmed stays so. An installation may have lost its attempts to cuts.
  const lasts = memory.next === 'boot' && promised === 'confirm' ? { promised } : {};
  return { ...rest, ...lasts, confirmAsked, next: 'boot' };
}

/** What is remembered of a device whose storage is damaged: a confirmation stands in both boot control copies. */
export function memoryAfterHarm({ promised, ...rest }: Memory, harmed: NonNullable<Memory['harmed']>): Memory {
  const lasts = promised === 'confirm' && harmed === 'control' ? { promised } : {};
  return { ...rest, ...lasts, harmed };
}

export function withBadRuns(memory: Memory, phase: Phase, badRuns: number): Memory {
  if (badRuns === 0) return memory;
  const counts = phase.firstBoots !== undefined;
  return { ...memory, tried: true, failedBoots: counts ? memory.failedBoots + badRuns : 0 };
}

export function nextPhase({ harmed, logGaps, phase }: Memory): Memory {
  return { ...BIRTH, phase: phase + 1, ...(harmed && { harmed }), ...(logGaps && { logGaps }) };
}
