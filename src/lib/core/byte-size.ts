import { OtaError } from './errors.js';
import { escapeText } from './text.js';

const UNIT_BYTES: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/**
 * Reads a size as a person writes it: `4096`, `300KB` (1000), `4MiB` (1024), `1.5 GiB`.
 * `4M` is refused: people disagree about what it means.
 *
 * @returns bytes, a whole number
 * @throws OtaError USAGE
 */
export function parseByteSize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim()) ?? [];
  const unitBytes = UNIT_BYTES[unit?.toLowerCase() ?? '-'];
  const bytes = Number(digits) * (unitBytes ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) {
    throw new OtaError('USAGE', `"${escapeText(text)}" is no size in whole bytes`, [
      'Write a number with B, KB, MB, GB (1000) or KiB, MiB, GiB (1024), such as 300KB or 4MiB.',
    ]);
  }
  return bytes;
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `512 B`, `31.9 KiB`, `4 MiB`: three significant digits, multiples of 1024. */
export function formatByteSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = '';
  for (unit of UNITS) {
    value /= 1024;
    if (value < 999.5) break;
  }
  return `${Number(value.toPrecision(3))} ${unit}`;
}

/** A limit as people set it: `300 KB` where thousands give it in fewer words than {@link formatByteSize}. */
export function formatByteLimit(bytes: number): string {
  const binary = formatByteSize(bytes);
  if (bytes === 0 || bytes % 1000 !== 0) return binary;
  let value = bytes / 1000;
  let unit = 'KB';
  for (const larger of ['MB', 'GB']) {
    if (value < 1000) break;
    value /= 1000;
    unit = larger;
  }
  const decimal = `${value} ${unit}`;
  return decimal.length <= binary.length ? decimal : binary;
}
