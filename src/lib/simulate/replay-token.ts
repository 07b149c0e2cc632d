import * as z from 'zod/mini';
import { canonicalJson } from '../core/canonical-json.js';
import { OtaError } from '../core/errors.js';
import { checkSchema } from '../core/schema.js';
import { sha256Hex } from '../core/sha256.js';
import { type JsonValue, parseStrictJson } from '../core/strict-json.js';
import type { Fault } from './findings.js';
import type { Materials } from './materials.js';
import { type BootsSpec, parseBoots } from './scenario.js';

const TOKEN_MAX_CHARACTERS = 64 * 1024;

const hex = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const count = z.int().check(z.minimum(0));
const model = z.string().check(z.minLength(1), z.maxLength(256));

const tokenSchema = z.strictObject({
  v: z.literal(1),
  /** SHA-256 of the metadata, of the base images and their release, of the layout: of what the life was made with. */
  package: hex,
  base: hex,
  layout: hex,
  boots: z.string(),
  faults: z
    .array(z.union([z.strictObject({ operation: count, model }), z.strictObject({ step: count, model })]))
    .check(z.maxLength(64)),
  seed: count,
});

/** A life and its faults. */
export interface ReplayPlan {
  boots: BootsSpec;
  faults: Fault[];
  seed: number;
}

/** @param digest of the package */
export function encodeReplayToken(plan: ReplayPlan, materials: Materials, digest: string): string {
  const token = { v: 1, ...plan, package: digest, ...fingerprints(materials) };
  return canonicalJson(token as unknown as JsonValue).toString('base64url');
}

/** @throws OtaError SIMULATION_INVALID: no token, or one of something else than these materials */
export function decodeReplayToken(text: string, materials: Materials, digest: string): ReplayPlan {
  const token = parseToken(text);
  const prints = fingerprints(materials);
  const other = token.package !== digest ? 'package' : token.base !== prints.base ? 'base' : undefined;
  const differs = other ?? (token.layout !== prints.layout ? 'layout' : undefined);
  if (differs !== undefined) {
    throw new OtaError('SIMULATION_INVALID', `replay token: was made with another ${differs}`, [
      'Give the package, base images and layout that the token was made with.',
    ]);
  }
  return { boots: parseBoots(token.boots), faults: token.faults, seed: token.seed };
}

/** The seed of a token, which garbage and flipped bits depend on. @throws OtaError SIMULATION_INVALID */
export function seedOfReplayToken(text: string): number {
  return parseToken(text).seed;
}

function parseToken(text: string): z.output<typeof tokenSchema> {
  const name = 'replay token';
  if (text.length > TOKEN_MAX_CHARACTERS || !/^[\w-]+$/.test(text)) throw noToken();
  const bytes = Buffer.from(text, 'base64url');
  try {
    const value = parseStrictJson(bytes, { name, maxBytes: TOKEN_MAX_CHARACTERS });
    return checkSchema(tokenSchema, value, { code: 'SIMULATION_INVALID', name });
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    throw noToken();
  }
}

function noToken(): OtaError {
  return new OtaError('SIMULATION_INVALID', 'replay token: is not one, expected what a simulation has printed', [
    'Copy the whole line that the simulation printed, up to its end.',
  ]);
}

function fingerprints({ base, bases, layout }: Materials): { base: string; layout: string } {
  const images = bases.map(({ component, version, bytes }) => ({ component, version, sha256: sha256Hex(bytes) }));
  return {
    base: sha256Hex(canonicalJson({ ...base, images } as JsonValue)),
    layout: sha256Hex(canonicalJson(JSON.parse(JSON.stringify(layout)) as JsonValue)),
  };
}
