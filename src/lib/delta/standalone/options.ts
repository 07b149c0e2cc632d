import { parseArgs } from 'node:util';
import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import { DELTA_FORMATS, type DeltaFormat, MAX_IMAGE_BYTES } from '../formats.js';

export const USAGE = `usage: node apply.mjs --format FORMAT --patch FILE --base FILE|DEVICE --out FILE|DEVICE
                      --target-size BYTES --target-sha256 HEX
                      [--base-size BYTES] [--base-sha256 HEX] [--patch-sha256 HEX] [--resume]
       node apply.mjs --in-place --patch FILE --out FILE|DEVICE
                      --target-size BYTES --target-sha256 HEX --base-sha256 HEX
                      [--patch-sha256 HEX] [--resume]

Rebuilds a firmware image from the old one and a patch of format otad, otad-inplace, bsdf2 or bsdiff40.

A file appears under its name only when its bytes are known to be right; a block device, which a symbolic link may
name, is written from its first byte on. With --in-place, --out holds the old image and becomes the new one.
--resume goes on with what a run that was cut has left. With --patch-sha256, nothing is written where the patch has
another hash: tell it with --in-place, as a download that was cut would else be noticed in the middle of the update.

exit status: 0 done, 2 usage, 4 malformed patch or wrong result, 5 wrong base or no room, 6 input or output,
8 --out exists or is in use, 9 a limit was exceeded, 15 not allowed, 16 not found, 130 interrupted, 143 terminated`;

export interface ApplyOptions {
  format: DeltaFormat;
  patchPath: string;
  /** That of `outPath` where an image is updated in place. */
  basePath: string;
  outPath: string;
  baseSize: number | undefined;
  baseSha256: string | undefined;
  patchSha256: string | undefined;
  targetSize: number;
  targetSha256: string;
  inPlace: boolean;
  resume: boolean;
}

const OPTIONS = {
  format: { type: 'string' },
  patch: { type: 'string' },
  base: { type: 'string' },
  out: { type: 'string' },
  'base-size': { type: 'string' },
  'base-sha256': { type: 'string' },
  'patch-sha256': { type: 'string' },
  'target-size': { type: 'string' },
  'target-sha256': { type: 'string' },
  'in-place': { type: 'boolean' },
  resume: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/**
 * @returns undefined when help was asked for
 * @throws OtaError USAGE
 */
export function parseOptions(argv: string[]): ApplyOptions | undefined {
  const values = parse(argv);
  if (values.help) return undefined;
  const inPlace = values['in-place'] ?? false;
  const format = deltaFormat(values.format ?? (inPlace ? 'otad-inplace' : undefined), inPlace);
  const outPath = required(values.out, 'out');
  if (inPlace && values.base !== undefined && values.base !== outPath) {
    throw usage('--in-place updates what --out names, --base must be left away or name the same');
  }
  // Blocks that need nothing of the old image would be right on any, and be written before a wrong one is noticed.
  if (inPlace && values['base-sha256'] === undefined && values.resume !== true) {
    throw usage('--in-place writes over the old image: tell its --base-sha256, or --resume an update that was cut');
  }
  return {
    format,
    patchPath: required(values.patch, 'patch'),
    basePath: inPlace ? outPath : required(values.base, 'base'),
    outPath,
    baseSize: values['base-size'] === undefined ? undefined : size(values['base-size'], 'base-size'),
    baseSha256: values['base-sha256'] === undefined ? undefined : sha256(values['base-sha256'], 'base-sha256'),
    patchSha256: values['patch-sha256'] === undefined ? undefined : sha256(values['patch-sha256'], 'patch-sha256'),
    targetSize: size(required(values['target-size'], 'target-size'), 'target-size'),
    targetSha256: sha256(required(values['target-sha256'], 'target-sha256'), 'target-sha256'),
    inPlace,
    resume: values.resume ?? false,
  };
}

function parse(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function deltaFormat(name: string | undefined, inPlace: boolean): DeltaFormat {
  const format = DELTA_FORMATS.find((known) => known === required(name, 'format'));
  if (format === undefined) throw usage(`--format ${escapeText(name!)} is unknown`);
  if (format === 'otad-repack') {
    throw usage('otad-repack needs the encoders of the compressed parts, which this applier does not have');
  }
  if (inPlace !== (format === 'otad-inplace')) throw usage('--in-place and --format otad-inplace go together');
  return format;
}

function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw usage(`--${name} is missing`);
  return value;
}

function size(text: string, name: string): number {
  const bytes = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(bytes <= MAX_IMAGE_BYTES)) throw usage(`--${name} is ${escapeText(text)}, expected 0 to ${MAX_IMAGE_BYTES}`);
  return bytes;
}

function sha256(text: string, name: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw usage(`--${name} is ${escapeText(text)}, expected 64 hexadecimal digits`);
  return text.toLowerCase();
}

function usage(fact: string): OtaError {
  return new OtaError('USAGE', fact, ['Run with --help to see how it is used.']);
}
