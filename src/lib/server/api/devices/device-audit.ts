import { canonicalJson } from '../../../core/canonical-json.js';
import { sha256Hex } from '../../../core/sha256.js';
import type { JsonObject } from '../../../core/strict-json.js';

/** Names are listed up to here; of more there is the hash of the list. */
const MAX_LISTED = 50;

/** Which devices a change was about, for the audit log. */
export function auditedDevices(controllerIds: readonly string[]): JsonObject {
  const devices = controllerIds.length;
  if (devices <= MAX_LISTED) return { devices, ids: [...controllerIds] };
  return { devices, idsSha256: sha256Hex(canonicalJson([...controllerIds])) };
}
