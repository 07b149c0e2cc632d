import { OtaError } from '../../lib/core/errors.js';
import { chunksOf } from '../../lib/core/file-access.js';
import { escapeText } from '../../lib/core/text.js';
import type { FleetDriver } from '../../lib/fleet-api/driver.js';
import { inspectContainer } from '../../lib/package/inspect.js';
import { type OpenPackage, openPackage, type PackageInput } from '../../lib/package/open-package.js';
import { verifyPayloads } from '../../lib/package/verify.js';
import type { RolloutPlan } from '../../lib/rollout/plan.js';
import type { Progress } from '../../lib/ui/progress.js';

export interface SendOptions {
  readonly input: PackageInput;
  readonly signal: AbortSignal;
  readonly onProgress: (label: string, totalBytes: number) => Progress;
}

/**
 * Sends the package of a plan to the server.
 *
 * @param spec path, stdin (`-`) or an http(s) address
 * @throws OtaError CONFLICT: another package than that of the plan; PAYLOAD_MISMATCH; those of reading and sending
 */
export async function sendPackage(
  spec: string,
  plan: RolloutPlan,
  driver: FleetDriver,
  { input, signal, onProgress }: SendOptions,
): Promise<void> {
  await using file = await openPlanned(spec, plan, input);
  const checking = onProgress('Checking payloads', file.size);
  // The plan pins the metadata, and that pins these: a server that looks at nothing would hand out what is damaged.
  await verifyPayloads(inspectContainer(file.container).payloads, { signal, onBytes: checking.update });
  checking.done();
  const { digest, product, version, filename } = plan.package;
  const sending = onProgress(`Sending ${escapeText(filename)}`, file.size);
  const open = () => copies(chunksOf(file.data, { signal }));
  const software = { filename, size: file.size, open, onBytes: sending.update };
  await driver.sendSoftware({ product, version, digest }, software, signal);
  sending.done();
}

/** Is this the package of the plan? @throws OtaError as `sendPackage` */
export async function requirePlannedPackage(spec: string, plan: RolloutPlan, input: PackageInput): Promise<void> {
  await using _ = await openPlanned(spec, plan, input);
}

async function openPlanned(spec: string, plan: RolloutPlan, input: PackageInput): Promise<OpenPackage> {
  const file = await openPackage(spec, input);
  try {
    const { digest, metadata } = inspectContainer(file.container);
    if (digest === plan.package.digest) return file;
    const { product, version } = metadata;
    throw new OtaError(
      'CONFLICT',
      `${escapeText(file.container.name)} is ${escapeText(product)} ${escapeText(version)} with digest ${digest}, the plan is ` +
        `for ${escapeText(plan.package.product)} ${escapeText(plan.package.version)} with ${plan.package.digest}`,
      [`Give ${escapeText(plan.package.filename)}, or make a plan for this package with \`ota rollout plan\`.`],
    );
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** Chunks that may be kept. */
async function* copies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
