import * as z from 'zod/mini';
import { type ErrorCode, OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { componentName } from '../package/metadata.js';
import { own } from './boot-facts.js';

export const LAYOUT_SPEC = 'ota-fleet-layout/1';
/** Size limit of a layout file, bytes. */
export const LAYOUT_MAX_BYTES = 64 * 1024;
export const MAX_COMPONENTS = 16;
export const MAX_SLOTS = 8;

/** Size of the journal of an exchange, bytes: it is read at each boot, and takes room beside the slots. */
const MAX_JOURNAL_BYTES = 1024 ** 3;
/** Id of the exchange, block, step and CRC-32, each a u32. */
const JOURNAL_RECORD_BYTES = 16;
/** Records that cuts may tear before a half of the journal is full. */
const SPARE_JOURNAL_RECORDS = 16;

/** Where the new image of a component with a single slot waits for its turn. */
export const STAGING_SLOT = 'staging';

/** How a device's storage is laid out. */
export interface Layout {
  /** Smallest area that can be erased, bytes. */
  eraseBlockBytes: number;
  /** Smallest area that can be written, bytes. */
  writeAlignmentBytes: number;
  /** What an erased byte reads as. */
  erasedValue: number;
  /** Room for packages while they arrive, bytes; absent: unlimited. */
  storageBytes?: number;
  components: Record<string, ComponentLayout>;
  /** Where a package says nothing else. */
  bootAttempts: number;
  confirmTimeoutSeconds: number;
}

export interface ComponentLayout {
  /** Names; with a single one the device has a staging area of the same size, and images are exchanged before they boot. */
  slots: string[];
  /** Size of each slot, bytes: a multiple of the erase block. */
  slotBytes: number;
}

const powerOfTwo = (from: number, to: number) =>
  z.int().check(
    z.minimum(from),
    z.maximum(to),
    z.refine((value) => (value & (value - 1)) === 0, 'expected a power of two'),
  );

/** Also a part of file names. */
export const slotName = z
  .string()
  .check(z.regex(/^[a-z0-9]{1,16}$/, 'expected at most 16 lowercase letters and digits'));

const component = z.strictObject({
  slots: z
    .array(slotName.check(z.refine((name) => name !== STAGING_SLOT, `"${STAGING_SLOT}" is not a name for a slot`)))
    .check(
      z.minLength(1),
      z.maxLength(MAX_SLOTS),
      z.refine((names) => new Set(names).size === names.length, 'a slot is named twice'),
    ),
  slotBytes: z.int().check(z.minimum(1), z.maximum(64 * 1024 ** 3)),
});

/** As it stands in the file. A field that is not known is refused: it would be a wish that nobody grants. */
const layoutFile = z.strictObject({
  spec: z.literal(LAYOUT_SPEC),
  eraseBlockBytes: powerOfTwo(64, 16 * 1024 ** 2),
  writeAlignmentBytes: powerOfTwo(1, 64 * 1024),
  // Flash reads as ones after an erase, or as zeros where the controller inverts it.
  erasedValue: z._default(z.union([z.literal(0), z.literal(255)]), 255),
  storageBytes: z.optional(z.int().check(z.minimum(1))),
  components: z.record(componentName, component).check(
    z.refine((all) => Object.keys(all).length > 0, 'expected at least one component'),
    z.refine((all) => Object.keys(all).length <= MAX_COMPONENTS, `expected at most ${MAX_COMPONENTS} components`),
  ),
  bootAttempts: z._default(z.int().check(z.minimum(1), z.maximum(255)), 3),
  confirmTimeoutSeconds: z._default(z.int().check(z.minimum(1), z.maximum(366 * 24 * 3600)), 600),
});

/**
 * Reads a layout file.
 *
 * @param raw  strict JSON
 * @param name what to call it in errors
 * @throws OtaError JSON_INVALID, LIMIT_EXCEEDED, LAYOUT_INVALID
 * @see docs/device.md, "Layout"
 */
export function parseLayout(raw: Uint8Array, name: string): Layout {
  return checkLayout(parseStrictJson(raw, { name, maxBytes: LAYOUT_MAX_BYTES }), { name, code: 'LAYOUT_INVALID' });
}

/** Checks a parsed layout. @param code what a violation is called */
export function checkLayout(value: unknown, { name, code }: { name: string; code: ErrorCode }): Layout {
  const { spec: _, ...layout } = checkSchema(layoutFile, value, { name, code });
  const { eraseBlockBytes, writeAlignmentBytes, components } = layout;
  const refuse = (fact: string) => new OtaError(code, `${name}: ${fact}`, ['See "Layout" in docs/device.md.']);
  if (writeAlignmentBytes > eraseBlockBytes) {
    throw refuse(`writeAlignmentBytes: got ${writeAlignmentBytes}, an erase block has ${eraseBlockBytes} bytes`);
  }
  for (const [component, { slots, slotBytes }] of Object.entries(components)) {
    if (slotBytes % eraseBlockBytes !== 0) {
      throw refuse(
        `components.${component}.slotBytes: got ${slotBytes}, expected a multiple of the erase block of ${eraseBlockBytes}`,
      );
    }
    const journalBytes = slots.length === 1 ? swapJournalBytes(layout, slotBytes) : 0;
    if (journalBytes > MAX_JOURNAL_BYTES) {
      throw refuse(
        `components.${component}: exchanging ${slotBytes / eraseBlockBytes} erase blocks takes a journal of ${journalBytes} bytes, got more than ${MAX_JOURNAL_BYTES}`,
      );
    }
  }
  return layout;
}

/** A layout as it stands in a file: what {@link parseLayout} reads. */
export function layoutToJson(layout: Layout): Layout & { spec: typeof LAYOUT_SPEC } {
  return { spec: LAYOUT_SPEC, ...layout };
}

/** All places that can hold an image of the component, those named in the layout first. */
export function physicalSlots({ slots }: Pick<ComponentLayout, 'slots'>): string[] {
  return slots.length === 1 ? [slots[0]!, STAGING_SLOT] : slots;
}

/** A component of a layout, if it has it. */
export function componentLayout({ components }: Pick<Layout, 'components'>, name: string): ComponentLayout | undefined {
  return own(components, name);
}

/** Size of one record of the journal of an exchange, bytes. */
export function swapRecordBytes({ writeAlignmentBytes }: Pick<Layout, 'writeAlignmentBytes'>): number {
  return roundUp(JOURNAL_RECORD_BYTES, writeAlignmentBytes);
}

/**
 * Size of the journal of an exchange, bytes: two halves, each with room for the three steps of every erase block, and a
 * few records to spare.
 */
export function swapJournalBytes(
  layout: Pick<Layout, 'eraseBlockBytes' | 'writeAlignmentBytes'>,
  slotBytes: number,
): number {
  const records = 3 * (slotBytes / layout.eraseBlockBytes) + SPARE_JOURNAL_RECORDS;
  return 2 * roundUp(records * swapRecordBytes(layout), layout.eraseBlockBytes);
}

/** The next multiple of `unit`. */
export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}
