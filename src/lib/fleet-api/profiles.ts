import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { writeFileAtomically } from '../core/atomic-file.js';
import { OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { ioError } from '../core/io-error.js';
import { withLock } from '../core/lock.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { escapeText } from '../core/text.js';
import type { Pacing } from '../net/pacing.js';
import { sessionGrant } from '../wire/access.js';
import { DRIVER_KINDS } from './server-address.js';

/** Names that people give to logins; of a server's host by default, so `:` and brackets belong to them. */
export const PROFILE_NAME = /^[\p{L}\p{N}[][\p{L}\p{N}._:[\]@-]{0,127}$/u;

const profile = z.strictObject({
  server: z.string(),
  /** What speaks there; absent: a fleet server. */
  driver: z.optional(z.enum(DRIVER_KINDS)),
  /** Who one is there, as the server said. */
  tenant: z.string(),
  name: z.string(),
  role: z.string(),
  /** Absolute path of a PEM file with the authorities of the server's certificate. */
  ca: z.optional(z.string()),
  /** Absolute paths of PEM files: what this machine shows the server. */
  clientCert: z.optional(z.string()),
  clientKey: z.optional(z.string()),
  /** Somebody decided to send credentials in clear text to another machine. */
  isPlainAllowed: z.optional(z.boolean()),
  /** One of the three. hawkBit begins no sessions: of a login there the password itself is kept, and `name` goes with it. */
  password: z.optional(z.string()),
  token: z.optional(z.string()),
  session: z.optional(sessionGrant),
});
/** A login at a server. Holds secrets. */
export type Profile = z.output<typeof profile>;

const profilesFile = z.strictObject({
  version: z.literal(1),
  current: z.nullable(z.string()),
  profiles: z.record(z.string().check(z.regex(PROFILE_NAME)), profile),
});

/** All logins, and which one is meant when nothing else is said. */
export interface Profiles {
  readonly current: string | null;
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** The file that logins are kept in, for its owner only. */
export interface ProfileStore {
  readonly path: string;
  /** @throws OtaError CONFIG_INVALID: damaged, or others can read it; those of reading a file */
  read(): Promise<Profiles>;
  /**
   * Replaces what is kept, while other processes that want to wait.
   *
   * @returns what `work` told to keep; `undefined` from it keeps all as it is
   * @throws OtaError LOCKED when another process does not come to its end; as `read`; those of writing a file
   */
  change(work: (now: Profiles) => Promise<Profiles | undefined>): Promise<Profiles>;
}

const MAX_FILE_BYTES = 1024 ** 2;
/** A renewal asks the server while it holds the lock; longer than that takes nobody waits. Milliseconds. */
const MAX_WAIT_MS = 60_000;
const WAIT_MS = 20;

const NONE: Profiles = { current: null, profiles: {} };

export function openProfiles(path: string, pacing: Pacing, signal?: AbortSignal): ProfileStore {
  return {
    path,
    read: () => readProfiles(path),
    async change(work) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
        throw ioError(error, dirname(path));
      });
      return await whenFree(`${path}.lock`, { pacing, signal }, async () => {
        const before = await readProfiles(path);
        const after = await work(before);
        if (after === undefined) return before;
        const text = `${JSON.stringify({ version: 1, current: after.current, profiles: after.profiles }, null, 2)}\n`;
        await writeFileAtomically(path, Buffer.from(text), { force: true, mode: 0o600 });
        return after;
      });
    },
  };
}

async function readProfiles(path: string): Promise<Profiles> {
  try {
    await refuseOthers(path);
    const bytes = await readBounded(path, MAX_FILE_BYTES, 'file of logins');
    const json = parseStrictJson(bytes, { name: path, maxBytes: MAX_FILE_BYTES, maxDepth: 4 });
    return checkSchema(profilesFile, json, { code: 'CONFIG_INVALID', name: path });
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    if (error.code === 'NOT_FOUND') return NONE;
    if (error.code !== 'JSON_INVALID' && error.code !== 'CONFIG_INVALID') throw error;
    const suggestions = error.suggestions.length > 0 ? error.suggestions : ['Remove the file and log in again.'];
    throw new OtaError('CONFIG_INVALID', error.message, suggestions, { cause: error });
  }
}

/** It holds tokens: what others could read is no secret any more, and what others could write may send it elsewhere. */
async function refuseOthers(path: string): Promise<void> {
  const { mode, uid } = await stat(path).catch((error: unknown) => {
    throw ioError(error, path);
  });
  if (process.platform === 'win32') return;
  if (uid !== process.getuid?.() && process.getuid?.() !== 0) {
    throw new OtaError('CONFIG_INVALID', `${escapeText(path)}: belongs to another user`, ['Log in as yourself.']);
  }
  if (mode & 0o077) {
    throw new OtaError(
      'CONFIG_INVALID',
      `${escapeText(path)}: has mode 0${(mode & 0o777).toString(8)}, expected 0600: others can read your logins`,
      [`Run \`chmod 600 ${escapeText(path)}\`, then \`fleet logout\` and \`fleet login\` for new ones.`],
    );
  }
}

/** A lock is never waited for; here the other is soon done. */
async function whenFree<T>(
  lock: string,
  { pacing, signal }: { pacing: Pacing; signal: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const until = pacing.monotonicMs() + MAX_WAIT_MS;
  while (true) {
    let isHeld = false;
    try {
      return await withLock(lock, () => {
        isHeld = true;
        return work();
      });
    } catch (error) {
      const isBusy = error instanceof OtaError && error.code === 'LOCKED' && !isHeld;
      if (!isBusy || pacing.monotonicMs() > until) throw error;
      await pacing.delay(WAIT_MS * (1 + pacing.random()), signal);
    }
  }
}
