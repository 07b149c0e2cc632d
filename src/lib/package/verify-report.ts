import type { SignatureVerdict } from '../trust/trust-policy.js';
import type { AuthenticPackage } from './authenticate.js';
import { type ImageDigest, type Metadata, type PayloadFormat, targetsOf } from './metadata.js';
import type { PolicyVerdict } from './policy.js';

/** What is known of a package once it has been verified. */
export interface VerifyReport {
  package: string;
  /** SHA-256 of metadata.json. */
  digest: string;
  product: string;
  version: string;
  sequence: number;
  securityCounter: number;
  expiresAt?: string;
  signatures: SignatureVerdict;
  payloads: { file: string; component: string; format: PayloadFormat; size: number; target: ImageDigest }[];
  /** Sum of the images it makes, bytes. */
  targetBytes: number;
  /** The device runs this very release already. Only where a device was given. */
  alreadyRunning?: boolean;
  /** Payloads that were applied in memory and made the signed image. */
  applied?: { component: string; file: string }[];
}

export function verifyReport(pkg: AuthenticPackage, verdict: PolicyVerdict | undefined): VerifyReport {
  const { metadata, signatures, name, digest } = pkg;
  const { product, version, sequence, securityCounter, expiresAt } = metadata;
  return {
    package: name,
    digest,
    product,
    version,
    sequence,
    securityCounter,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    signatures,
    payloads: pkg.payloads.map(({ entry: { file, component, format, size, target } }) => ({
      file,
      component,
      format,
      size,
      target,
    })),
    targetBytes: targetBytesOf(metadata),
    ...(verdict === undefined ? {} : { alreadyRunning: verdict.alreadyRunning }),
  };
}

/** Sum of the images that a package makes, one for each component, bytes. */
export function targetBytesOf(metadata: Metadata): number {
  return [...targetsOf(metadata).values()].reduce((sum, { size }) => sum + size, 0);
}
