import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { writeFileAtomically } from '../core/atomic-file.js';
import type { DurableFs } from '../core/durable-fs.js';
import { type ErrorCode, EXIT_STATUS, OtaError } from '../core/errors.js';
import { readBounded } from '../core/file-access.js';
import { checkSchema } from '../core/schema.js';
import { parseStrictJson } from '../core/strict-json.js';
import { type CampaignRequest, campaignRequest } from '../rollout/campaign-view.js';

const MAX_BYTES = 16 * 1024;
const SUFFIX = '.json';
const REFUSED = '.refused';
/** That wait to be done: somebody asks again and again while nothing drives it. */
const MAX_WAITING = 64;

const asked = z.strictObject({ request: campaignRequest, by: z.string().check(z.maxLength(256)) });
const refused = z.strictObject({ code: z.string(), message: z.string(), suggestions: z.array(z.string()) });

/** Wishes of other processes, one a file, for whoever drives the campaign. A file stands until it was done. */
export class RequestFiles {
  readonly #fs: DurableFs;
  readonly #folder: string;

  constructor(fs: DurableFs, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
  }

  /** @returns its number, for `isWaiting` and `refusal` @throws OtaError CONFLICT: too much waits already */
  async write(request: CampaignRequest, by: string, now: number): Promise<string> {
    await this.#fs.makeDirectory(this.#folder);
    const { length } = await this.waiting();
    if (length >= MAX_WAITING) throw new OtaError('CONFLICT', `${length} requests wait to be done already`);
    // In the order in which they were made.
    const id = `${String(now).padStart(16, '0')}-${randomUUID()}`;
    const bytes = Buffer.from(JSON.stringify({ request, by: by.slice(0, 256) }));
    await writeFileAtomically(this.#path(id, SUFFIX), bytes, { mode: 0o600 });
    return id;
  }

  /** The oldest first. */
  async waiting(): Promise<string[]> {
    const names = await this.#fs.list(this.#folder);
    return names
      .filter((name) => /^\d{16}-[\da-f-]{36}\.json$/.test(name))
      .map((name) => name.slice(0, -SUFFIX.length));
  }

  /** @throws OtaError JSON_INVALID, MESSAGE_INVALID: it is none of ours */
  async read(id: string): Promise<{ request: CampaignRequest; by: string }> {
    const path = this.#path(id, SUFFIX);
    const value = parseStrictJson(await readBounded(path, MAX_BYTES, 'request'), { name: path, maxBytes: MAX_BYTES });
    const { request, by } = checkSchema(asked, value, { code: 'MESSAGE_INVALID', name: path });
    return { request, by };
  }

  /** It was done, or refused: whoever asked is told why. */
  async answer(id: string, refusal?: OtaError): Promise<void> {
    if (refusal !== undefined) {
      const { code, message, suggestions } = refusal;
      const bytes = Buffer.from(JSON.stringify({ code, message, suggestions }));
      await writeFileAtomically(this.#path(id, REFUSED), bytes, { mode: 0o600, force: true });
    }
    await this.#fs.remove(this.#path(id, SUFFIX));
  }

  async isWaiting(id: string): Promise<boolean> {
    return (await this.waiting()).includes(id);
  }

  /** Why it was refused; asked for once. */
  async takeRefusal(id: string): Promise<OtaError | undefined> {
    const path = this.#path(id, REFUSED);
    try {
      const value = parseStrictJson(await readBounded(path, MAX_BYTES, 'answer'), { name: path, maxBytes: MAX_BYTES });
      const { code, message, suggestions } = checkSchema(refused, value, { code: 'MESSAGE_INVALID', name: path });
      await this.#fs.remove(path);
      const known = Object.hasOwn(EXIT_STATUS, code) ? (code as ErrorCode) : 'CONFLICT';
      return new OtaError(known, message, suggestions);
    } catch (error) {
      if (error instanceof OtaError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  #path(id: string, suffix: string): string {
    return join(this.#folder, `${id}${suffix}`);
  }
}
