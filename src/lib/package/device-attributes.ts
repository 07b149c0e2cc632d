import * as z from 'zod/mini';
import type { $ZodType } from 'zod/v4/core';
import { safeParse } from 'zod/v4/core';
import type { DeviceState } from './device-state.js';
import { PAYLOAD_FORMATS } from './metadata.js';

/** What a device tells about itself in attributes; see docs/device-attributes.md. What means nothing counts as not told. */
export interface ToldFacts
  extends Partial<Pick<DeviceState, 'product' | 'model' | 'hardwareRevision' | 'securityCounter'>> {
  /** Of the release that runs. */
  readonly digest?: string;
  /** By name; none where it tells of no image. */
  readonly components: Readonly<Record<string, { sha256: string; version?: string; slotBytes?: number }>>;
  /** SHA-256 of what lies in slots beside what runs; absent: it does not tell of any. */
  readonly spares?: Readonly<Record<string, readonly string[]>>;
  readonly formats?: DeviceState['formats'];
  readonly memoryBytes?: number;
  readonly freeBytes?: number;
  readonly timeFloor?: string;
}

const sha256 = z.string().check(z.toLowerCase(), z.regex(/^[0-9a-f]{64}$/));
const uint = z.pipe(
  z.string().check(z.regex(/^\d{1,15}$/)),
  z.transform((text) => Number(text)),
);
const text = z.string().check(z.minLength(1), z.maxLength(256));
const time = z.iso.datetime({ offset: true });
const listOf = <T extends z.ZodMiniType<unknown, string>>(item: T) =>
  z.pipe(
    z.pipe(
      z.string(),
      z.transform((value) => value.split(',').map((part) => part.trim())),
    ),
    z.array(item),
  );
/** A later updater also names formats that this release does not know: packages cannot hold those. */
const formats = z.pipe(
  z.pipe(
    listOf(z.string()),
    z.transform((names) => PAYLOAD_FORMATS.filter((format) => names.includes(format))),
  ),
  z.array(z.enum(PAYLOAD_FORMATS)).check(z.minLength(1)),
);
const spares = listOf(sha256);

const COMPONENT = /^ota\.([a-z0-9][a-z0-9-]{0,31})\.(sha256|version|slotBytes|spares)$/;

export function factsTold(attributes: ReadonlyMap<string, string>): ToldFacts {
  const told = <T>(name: string, schema: $ZodType<T>): T | undefined => {
    const result = safeParse(schema, attributes.get(name));
    return result.success ? result.data : undefined;
  };
  const names = new Set([...attributes.keys()].flatMap((name) => COMPONENT.exec(name)?.[1] ?? []));
  const components = [...names].flatMap((name) => {
    const image = told(`ota.${name}.sha256`, sha256);
    const version = told(`ota.${name}.version`, text);
    const slotBytes = told(`ota.${name}.slotBytes`, uint);
    return image === undefined ? [] : [[name, { sha256: image, version, slotBytes }] as const];
  });
  const kept = [...names].flatMap((name) => {
    const images = told(`ota.${name}.spares`, spares);
    return images === undefined ? [] : [[name, images] as const];
  });
  return {
    product: told('product', text),
    model: told('model', text),
    hardwareRevision: told('hardwareRevision', text),
    digest: told('ota.digest', sha256),
    securityCounter: told('ota.securityCounter', uint),
    components: Object.fromEntries(components),
    ...(kept.length > 0 && { spares: Object.fromEntries(kept) }),
    formats: told('ota.formats', formats),
    memoryBytes: told('ota.memoryBytes', uint),
    freeBytes: told('ota.freeBytes', uint),
    timeFloor: told('ota.timeFloor', time),
  };
}
