import type { DeviceState } from './device-state.js';
import type { Metadata } from './metadata.js';
import { floorsLapsed, type PolicyInput } from './policy-checks.js';

/**
 * As what a device judges a package that its server wants it to have. A server asks a device to go back by giving it an
 * earlier release, so a sequence below the running one is an explicit rollback: what the device never ran, or may not
 * go back to, is refused by the rules for that.
 *
 * Where everybody has left who could sign what runs, its sequence is no floor any more (TUF 5.3.11), and a lower one
 * is an installation like any other.
 */
export function offeredIntent(
  { sequence }: Pick<Metadata, 'sequence'>,
  { running }: Pick<DeviceState, 'running'>,
  input: Pick<PolicyInput, 'trustedKeyids'>,
): NonNullable<PolicyInput['intent']> {
  const isLower = running !== undefined && sequence < running.sequence;
  return isLower && !floorsLapsed(running, input) ? 'rollback' : 'install';
}
