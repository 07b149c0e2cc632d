import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import * as z from 'zod/mini';
import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import { artifactAnswer, moduleAnswer, pageOf, type SetAnswer, setAnswer } from '../../wire/management-answers.js';
import { markedDigest, packageMark } from '../../wire/package-mark.js';
import type { DriverSoftware, ReleaseName, SoftwareFile } from '../driver.js';
import type { FleetClient } from '../fleet-client.js';
import { quoted } from './hawkbit-server.js';
import { pagesOf } from './pages.js';

const SETS = '/rest/v1/distributionsets';
const MODULES = '/rest/v1/softwaremodules';
/** As long as hawkBit takes. */
const MAX_NAME = 128;
const MAX_VERSION = 64;

/** The sets that devices can be given. */
export async function listSets(client: FleetClient, signal?: AbortSignal): Promise<DriverSoftware[]> {
  const sets: DriverSoftware[] = [];
  for await (const page of pagesOf(client, SETS, setAnswer, { sort: 'id:ASC', signal, keyOf: ({ id }) => id })) {
    sets.push(...page.map(softwareOf));
  }
  return sets;
}

function softwareOf({ id, name, version, description }: SetAnswer): DriverSoftware {
  return { id: String(id), name, version, digest: markedDigest(description) };
}

/** The set of a package; undefined: it was not sent there yet. */
export async function findSet(
  client: FleetClient,
  release: ReleaseName,
  signal?: AbortSignal,
): Promise<DriverSoftware | undefined> {
  const set = await setNamed(client, release, signal);
  if (set === undefined || set.complete === false) return undefined;
  const software = softwareOf(set);
  return software.digest === release.digest ? software : undefined;
}

/**
 * Sends a package: a module with its file, then a set of that module. What an earlier try has left is gone on with.
 *
 * @throws OtaError CONFLICT: another package of this name and version is there
 */
export async function sendSet(
  client: FleetClient,
  release: ReleaseName,
  file: SoftwareFile,
  signal?: AbortSignal,
): Promise<DriverSoftware> {
  requireNames(release);
  const known = await setNamed(client, release, signal);
  const told = known === undefined ? null : softwareOf(known);
  if (told !== null && told.digest === release.digest && known?.complete !== false) return told;
  if (told !== null && told.digest !== release.digest) throw another(client, release);
  const moduleId = await ensureModule(client, release, signal);
  await ensureFile(client, { moduleId, release, file }, signal);
  if (known !== undefined) {
    await client.call('POST', `${SETS}/${known.id}/assignedSM`, { json: [{ id: moduleId }], signal });
    return softwareOf(known);
  }
  const { product: name, version, digest } = release;
  const description = packageMark(digest);
  const json = [{ name, version, type: 'os', description, modules: [{ id: moduleId }] }];
  const answer = z.array(setAnswer).check(z.minLength(1));
  const [set] = await client.call('POST', SETS, { json, answer, signal });
  return { ...softwareOf(set!), digest };
}

async function setNamed(
  client: FleetClient,
  { product, version }: ReleaseName,
  signal?: AbortSignal,
): Promise<SetAnswer | undefined> {
  const query = { q: `name==${quoted(product)};version==${quoted(version)}`, limit: 50 };
  const { content } = await client.call('GET', SETS, { query, answer: pageOf(setAnswer), signal });
  // `*` in a filter is a wildcard, and letters of both cases are equal.
  return content.find((set) => set.name === product && set.version === version);
}

async function ensureModule(
  client: FleetClient,
  { product: name, version }: ReleaseName,
  signal?: AbortSignal,
): Promise<number> {
  const query = { q: `name==${quoted(name)};version==${quoted(version)}`, limit: 50 };
  const { content } = await client.call('GET', MODULES, { query, answer: pageOf(moduleAnswer), signal });
  const known = content.find((module) => module.name === name && module.version === version);
  if (known !== undefined) return known.id;
  const answer = z.array(moduleAnswer).check(z.minLength(1));
  const [made] = await client.call('POST', MODULES, { json: [{ name, version, type: 'os' }], answer, signal });
  return made!.id;
}

interface Upload {
  readonly moduleId: number;
  readonly release: ReleaseName;
  readonly file: SoftwareFile;
}

async function ensureFile(
  client: FleetClient,
  { moduleId, release, file }: Upload,
  signal?: AbortSignal,
): Promise<void> {
  const sha256 = await sha256Of(file, signal);
  const path = `${MODULES}/${moduleId}/artifacts`;
  const artifacts = await client.call('GET', path, { answer: z.array(artifactAnswer), signal });
  if (artifacts.some(({ hashes }) => hashes?.sha256 === sha256)) return;
  if (artifacts.length > 0) throw another(client, release);
  const boundary = `ota-${randomBytes(16).toString('hex')}`;
  const head = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${plainName(file.filename)}"\r\n` +
      'content-type: application/octet-stream\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const query = new URLSearchParams({ filename: plainName(file.filename), sha256sum: sha256 });
  await client.call('POST', `${path}?${query}`, {
    body: Readable.from(inParts(head, file, tail), { objectMode: false }),
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(head.length + file.size + tail.length),
    },
    signal,
  });
}

async function* inParts(head: Buffer, file: SoftwareFile, tail: Buffer): AsyncGenerator<Uint8Array> {
  yield head;
  let sent = 0;
  for await (const chunk of file.open()) {
    yield chunk;
    sent += chunk.byteLength;
    file.onBytes?.(sent);
  }
  yield tail;
}

async function sha256Of(file: SoftwareFile, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of file.open()) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('hex');
}

/** What stands between quotation marks in a header. */
function plainName(filename: string): string {
  return filename.replace(/[^A-Za-z0-9._ -]/g, '_').slice(-200);
}

function requireNames({ product, version }: ReleaseName): void {
  if (product.length <= MAX_NAME && version.length <= MAX_VERSION) return;
  throw new OtaError(
    'USAGE',
    `${escapeText(product)} ${escapeText(version)}: hawkBit takes names of at most ${MAX_NAME} characters and versions of ` +
      `at most ${MAX_VERSION}`,
  );
}

function another(client: FleetClient, { product, version }: ReleaseName): OtaError {
  return new OtaError(
    'CONFLICT',
    `${client.server} has another ${escapeText(product)} ${escapeText(version)} than this package`,
    ['Give the package a version of its own, or remove the distribution set and its module at the server.'],
  );
}
