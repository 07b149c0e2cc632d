import { formatByteSize } from '../core/byte-size.js';
import type { RefusalJson } from '../wire/catalog.js';

/** Why a device does not get a release, as the end of a sentence. Not escaped. */
export function refusalText(refusal: RefusalJson): string {
  switch (refusal.code) {
    case 'PRODUCT_MISMATCH':
      return `it is for product ${refusal.product}, the device is a ${refusal.device}`;
    case 'MODEL_INCOMPATIBLE':
      return `it is for ${anyOf(refusal.models)}, not for ${anyOf(refusal.device)}`;
    case 'HARDWARE_INCOMPATIBLE':
      return `it is for hardware ${anyOf(refusal.hardwareRevisions)}, not for ${anyOf(refusal.device)}`;
    case 'SEQUENCE_ROLLBACK':
      return `its sequence ${refusal.sequence} is below ${refusal.running}, which runs`;
    case 'SEQUENCE_CONFLICT':
      return `another release with its sequence ${refusal.sequence} runs`;
    case 'COUNTER_ROLLBACK':
      return `its security counter ${refusal.securityCounter} is below ${refusal.stored}, which the device has stored`;
    case 'PACKAGE_EXPIRED':
      return `it expired at ${refusal.expiresAt}`;
    case 'BASE_MISMATCH':
      return refusal.bases.map(baseText).join('; ');
    case 'FULL_FALLBACK_FORBIDDEN':
      return 'only its full image would do, and that is not wanted';
    case 'DOES_NOT_FIT':
      return refusal.shortages
        .map(({ of, component, needed, available }) => {
          const place = component === undefined ? of : `${of} of ${component}`;
          return `it needs ${formatByteSize(needed)} of ${place}, there is ${formatByteSize(available)}`;
        })
        .join('; ');
    case 'DEPENDENCY_UNMET':
      return refusal.unmet
        .map(({ component, range, version }) => `it needs ${component} ${range}, there is ${version ?? 'none'}`)
        .join('; ');
    case 'COMPONENT_MISSING':
      return `the device has no ${refusal.components.join(', ')}`;
    case 'ROLLBACK_FORBIDDEN':
      if (refusal.why === 'never-ran') return 'the device has never run it, as far as is known';
      if (refusal.why === 'not-allowed') return 'what runs allows no way back';
      return `what runs allows no way back below ${refusal.minVersion ?? ''}`;
    case 'YANKED':
      return `it was withdrawn: ${refusal.reason}`;
    case 'SIGNATURE_REFUSED':
      return "its signatures do not count under today's trust root";
    case 'NO_ARTIFACT':
      return 'its files are gone';
    case 'NO_IMAGE':
      return `no slot and no package holds the image that ${refusal.components.join(', ')} had`;
    case 'OUTSIDE_CHANNEL':
      return `it is not in the channel ${refusal.channel}`;
  }
}

function baseText({
  component,
  needed,
  installed,
}: {
  component: string;
  needed: readonly string[];
  installed?: string | undefined;
}): string {
  const bases = needed.map((sha256) => sha256.slice(0, 8)).join(' or ');
  return `its deltas of ${component} need the image ${bases || 'of no release'}, there is ${installed?.slice(0, 8) ?? 'none'}`;
}

function anyOf(values: readonly string[]): string {
  return values.length === 0 ? 'none' : values.join(', ');
}
