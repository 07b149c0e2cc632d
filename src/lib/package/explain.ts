import { type ErrorCode, type ExitStatus, OtaError } from '../core/errors.js';
import type { Trust } from '../trust/trust-policy.js';
import { authenticatePackage } from './authenticate.js';
import type { Container } from './container.js';
import type { DeviceState } from './device-state.js';
import { inspectContainer } from './inspect.js';
import { judgePackage } from './policy.js';
import { deviceRootAnchor, openTrustAnchor, type TrustAnchorSpec, type TrustTime } from './trust-anchor.js';

/** One check that a device would make, with its outcome. */
export interface ExplainedCheck {
  name: string;
  passed: boolean;
  detail: string;
  failures: OtaError[];
}

export interface Explanation {
  /** Would the device take it? */
  accepted: boolean;
  /** It runs this very release: nothing would change. */
  alreadyRunning: boolean;
  digest: string;
  product: string;
  version: string;
  checks: ExplainedCheck[];
  /** What the device would fetch, in the order of components. */
  payloads: { component: string; file: string; size: number; fullFallback: boolean }[];
  downloadBytes: number;
}

export interface ExplainOptions {
  device: DeviceState;
  /** Whose signatures the device believes; the reason where that cannot be known. */
  trust: Trust | OtaError;
  now: Date;
  intent: 'install' | 'rollback';
  noFullFallback: boolean;
  allowTestKeys: boolean;
}

/**
 * Answers whether a device would accept a package, with every reason at once: policy is judged
 * even where the signatures are refused, by metadata that is then unverified.
 *
 * @throws OtaError only where the package cannot be read at all
 */
export function explainPackage(container: Container, options: ExplainOptions): Explanation {
  const { device, now, intent, noFullFallback } = options;
  const { metadata, digest, payloads } = inspectContainer(container);
  const signature = checkSignature(container, options);
  const verdict = judgePackage(metadata, device, {
    name: container.name,
    digest,
    contained: new Set(payloads.map(({ entry }) => entry.file)),
    now,
    intent,
    noFullFallback,
    trustedKeyids: signature.trustedKeyids,
  });
  const checks = [
    signature.check,
    ...verdict.checks.map((check) => ({ ...check, passed: check.failures.length === 0 })),
  ];
  const chosen = verdict.alreadyRunning ? [] : verdict.selected;
  return {
    accepted: checks.every(({ passed }) => passed),
    alreadyRunning: verdict.alreadyRunning,
    digest,
    product: metadata.product,
    version: metadata.version,
    checks,
    payloads: chosen.map(({ entry, fullFallback }) => ({
      component: entry.component,
      file: entry.file,
      size: entry.size,
      fullFallback,
    })),
    downloadBytes: chosen.reduce((sum, { entry }) => sum + entry.size, 0),
  };
}

function checkSignature(
  container: Container,
  { trust, now, allowTestKeys }: ExplainOptions,
): { check: ExplainedCheck; trustedKeyids?: ReadonlySet<string> } {
  try {
    if (trust instanceof OtaError) throw trust;
    const { signatures, trustedKeyids } = authenticatePackage(container, { trust, now, allowTestKeys });
    const detail = `${signatures.keyids.length} of ${signatures.threshold} needed for ${signatures.role}`;
    return { check: { name: 'signature', passed: true, detail, failures: [] }, trustedKeyids };
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    return { check: { name: 'signature', passed: false, detail: 'refused', failures: [error] } };
  }
}

/**
 * What the device trusts: what the caller names, else the root in its state.
 *
 * @returns the refusal instead of trust where nothing is named, or the chain of roots does not hold
 * @throws OtaError where a named key or root cannot be read, or the state holds a malformed root
 */
export async function trustForDevice(
  container: Container,
  device: DeviceState,
  spec: TrustAnchorSpec,
  time: TrustTime,
): Promise<Trust | OtaError> {
  const named = (spec.keyPaths ?? []).length > 0 || spec.trustRootPath !== undefined;
  const own = named || device.trustRoot === undefined ? undefined : deviceRootAnchor(device.trustRoot, spec.product);
  try {
    const anchor = own ?? (await openTrustAnchor(spec));
    return anchor.forContainer(container, time);
  } catch (error) {
    if (error instanceof OtaError && error.exitCode === 3) return error;
    throw error;
  }
}

/** What `ota explain --json` prints. */
export interface ExplainReport extends Omit<Explanation, 'checks'> {
  package: string;
  /** 0, or that of the first failed check. */
  exitStatus: ExitStatus | 0;
  checks: {
    name: string;
    passed: boolean;
    detail: string;
    failures: { code: ErrorCode; exitStatus: ExitStatus; message: string; suggestions: string[] }[];
  }[];
}

export function explainReport(name: string, explanation: Explanation): ExplainReport {
  const checks = explanation.checks.map(({ failures, ...check }) => ({
    ...check,
    failures: failures.map(({ code, exitCode, message, suggestions }) => ({
      code,
      exitStatus: exitCode,
      message,
      suggestions,
    })),
  }));
  const first = checks.flatMap(({ failures }) => failures)[0];
  return { package: name, ...explanation, exitStatus: first?.exitStatus ?? 0, checks };
}
