import type { AuthenticPackage } from '../../package/authenticate.js';
import type { SelectedPayload } from '../../package/select-payloads.js';
import { BLOCK_BYTES, paddingBytes } from '../../package/ustar.js';

/** A payload in its container. */
function entryBytes(size: number): number {
  return BLOCK_BYTES + size + paddingBytes(size);
}

/**
 * Size of the package that a server cuts for a device: metadata, signatures and the payloads that it installs.
 *
 * @param bytes of the whole file
 */
export function cutBytes(pkg: AuthenticPackage, bytes: number, selected: readonly SelectedPayload[]): number {
  const contained = pkg.payloads.reduce((sum, { entry }) => sum + entryBytes(entry.size), 0);
  return bytes - contained + selected.reduce((sum, { entry }) => sum + entryBytes(entry.size), 0);
}
