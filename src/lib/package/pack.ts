import { dirname, join, parse } from 'node:path';
import { type AtomicFile, openAtomicFile, requireFreeTarget } from '../core/atomic-file.js';
import { canonicalJson } from '../core/canonical-json.js';
import { commitTogether } from '../core/commit-together.js';
import { OtaError } from '../core/errors.js';
import { openPrivateDirectory } from '../core/private-directory.js';
import { ResourceStack } from '../core/resource-stack.js';
import {
  createSignature,
  encodeSignatureEnvelope,
  METADATA_PAYLOAD_TYPE,
  mergeSignatures,
  type Signature,
} from '../trust/dsse.js';
import type { Signer } from '../trust/signer.js';
import { type ListedPayload, packageDigest } from './authenticate.js';
import { authenticatedPayload } from './authenticated-payload.js';
import { CONTAINER_LIMITS, type ContainerRoot } from './container.js';
import type { DeltaSettings } from './delta-settings.js';
import { checkMetadata, checkRelease, type Metadata, type ReleaseFields } from './metadata.js';
import { type BaseChoice, type ComponentInput, type MakePayloadsOptions, makePayloads } from './pack-payloads.js';
import { thinCuts } from './split.js';
import { containerBytes } from './write-container.js';

export interface PackRequest {
  /** What the release says of itself; `payloads` come from `components`. */
  release: ReleaseFields;
  components: readonly ComponentInput[];
  deltas: DeltaSettings;
  signers: readonly Signer[];
  /** Trust roots to carry, in order of version. */
  roots: readonly ContainerRoot[];
  outPath: string;
  /** Also write thin packages beside `outPath`, one for each base. */
  split: boolean;
  /** Make everything twice and compare. */
  checkReproducible: boolean;
  /** Refuse a package above this size, bytes. */
  maxBytes?: number;
  force: boolean;
  /** Make everything, write nothing. */
  dryRun: boolean;
  signal?: AbortSignal;
  onPlan?: MakePayloadsOptions['onPlan'];
  onProgress?: MakePayloadsOptions['onProgress'];
}

/** A package file that was written, or would be. */
export interface PackedFile {
  path: string;
  /** Bytes. */
  size: number;
  /** Names of the payloads it holds. */
  payloads: string[];
}

export interface PackResult {
  digest: string;
  metadata: Metadata;
  keyids: string[];
  /** How devices get the new image, by what they run. */
  choices: BaseChoice[];
  /** The package, then its thin cuts. */
  files: PackedFile[];
}

/**
 * Builds, signs and writes a package. The same inputs give the same bytes: nothing in it comes
 * from the clock, the file system or chance.
 *
 * Either all files of the result appear, complete and synced, or none.
 *
 * @throws OtaError METADATA_INVALID, as `makePayloads`, SIGNER_FAILED, LIMIT_EXCEEDED (metadata above
 *   1 MiB), SIZE_BUDGET, NOT_REPRODUCIBLE,
 *   PAYLOAD_MISMATCH (an image changed meanwhile), OUTPUT_EXISTS and the other failures of writing
 */
export async function packPackage(request: PackRequest): Promise<PackResult> {
  const { outPath, signal, dryRun, force } = request;
  // Both before minutes go into deltas.
  checkRelease(request.release, outPath);
  await requireFreeTarget(outPath, force);
  await using work = await openPrivateDirectory();
  await using made = await makePayloads(request.components, payloadOptions(request, work.path, 0));
  const { metadata, metadataBytes } = describeRelease(request, made.payloads);
  const digest = packageDigest(metadataBytes);
  if (request.checkReproducible) await requireSameAgain(request, digest);
  const signatures = await sign(digest, request);
  const signatureBytes = encodeSignatureEnvelope({ payloadType: METADATA_PAYLOAD_TYPE, signatures });

  const cuts = [
    { path: outPath, payloads: made.payloads },
    ...(request.split ? thinPaths(outPath, made.payloads) : []),
  ];
  const files: PackedFile[] = [];
  await using outputs = new ResourceStack();
  const pending: AtomicFile[] = [];
  for (const cut of cuts) {
    const output = dryRun ? undefined : outputs.use(await openAtomicFile(cut.path, { force, signal }));
    if (output !== undefined) pending.push(output);
    // Compared once more with what was signed: a build may have replaced the image in the meantime.
    const payloads = cut.payloads.map(({ entry, data }) => ({
      file: entry.file,
      data: authenticatedPayload(data, entry),
    }));
    let size = 0;
    for await (const chunk of containerBytes(
      { metadataBytes, signatureBytes, roots: request.roots, payloads },
      signal,
    )) {
      size += chunk.byteLength;
      await output?.write(chunk);
    }
    requireBudget(cut.path, size, request.maxBytes);
    files.push({ path: cut.path, size, payloads: payloads.map(({ file }) => file) });
  }
  await commitTogether(pending);
  return {
    digest,
    metadata,
    keyids: signatures.map(({ keyid }) => keyid),
    choices: made.choices,
    files,
  };
}

function describeRelease(
  { release, outPath }: PackRequest,
  payloads: readonly ListedPayload[],
): { metadata: Metadata; metadataBytes: Buffer } {
  const metadata = checkMetadata({ ...release, payloads: payloads.map(({ entry }) => entry) }, outPath);
  const metadataBytes = canonicalJson(metadata);
  if (metadataBytes.byteLength > CONTAINER_LIMITS.metadataBytes) {
    throw new OtaError(
      'LIMIT_EXCEEDED',
      `${outPath}: its metadata has ${metadataBytes.byteLength} bytes, the limit is ${CONTAINER_LIMITS.metadataBytes}`,
      ['Give fewer --from, or shorter release notes.'],
    );
  }
  return { metadata, metadataBytes };
}

async function sign(digest: string, { signers, signal }: PackRequest): Promise<Signature[]> {
  let signatures: Signature[] = [];
  for (const signer of signers) {
    const added = await createSignature(METADATA_PAYLOAD_TYPE, Buffer.from(digest, 'hex'), signer, signal);
    signatures = mergeSignatures(signatures, [added]);
  }
  return signatures;
}

/** The digest covers the hash of every payload, so comparing it compares all bytes but the signatures. */
async function requireSameAgain(request: PackRequest, digest: string): Promise<void> {
  await using work = await openPrivateDirectory();
  const { onPlan: _told, ...rest } = request; // before the first time
  await using again = await makePayloads(request.components, payloadOptions(rest, work.path, 1));
  const second = packageDigest(describeRelease(request, again.payloads).metadataBytes);
  if (second === digest) return;
  throw new OtaError(
    'NOT_REPRODUCIBLE',
    `${request.outPath}: packing twice gave two digests, ${digest} and ${second}`,
    ['An input changed meanwhile, or the delta encoder is not deterministic: report a bug if no input changed.'],
  );
}

function requireBudget(path: string, size: number, maxBytes: number | undefined): void {
  if (maxBytes === undefined || size <= maxBytes) return;
  throw new OtaError('SIZE_BUDGET', `${path}: would have ${size} bytes, the budget is ${maxBytes}`, [
    'Raise --max-size, give fewer --from, leave out --full, or use --split.',
  ]);
}

function thinPaths(outPath: string, payloads: readonly ListedPayload[]): { path: string; payloads: ListedPayload[] }[] {
  const { name, ext } = parse(outPath);
  return thinCuts(payloads).map((cut) => ({
    path: join(dirname(outPath), `${name}-${cut.label}${ext}`),
    payloads: cut.payloads,
  }));
}

/** @param pass how often everything was made before */
function payloadOptions(
  { deltas, signal, checkReproducible, onPlan, onProgress }: PackRequest,
  workDirectory: string,
  pass: number,
): MakePayloadsOptions {
  const passes = checkReproducible ? 2 : 1;
  return {
    deltas,
    workDirectory,
    ...(signal && { signal }),
    ...(onPlan && { onPlan }),
    onProgress: (done, total) => onProgress?.(pass * total + done, passes * total),
  };
}
