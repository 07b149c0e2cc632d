import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import type { FleetDriver } from '../../fleet-api/driver.js';
import type { RequestedStage } from './wanted-stages.js';

/**
 * Refuses what a server cannot do, and what would therefore never come to an end.
 *
 * @throws OtaError USAGE
 */
export function requireCapable(
  { address, kind, capabilities }: Pick<FleetDriver, 'address' | 'kind' | 'capabilities'>,
  stages: readonly RequestedStage[],
): void {
  const server = `${kind === 'fleet' ? '' : `${kind} at `}${escapeText(address)}`;
  for (const { name, gates, window } of stages) {
    if (window !== null && !capabilities.windows) {
      throw new OtaError('USAGE', `stage ${escapeText(name)} has a maintenance window, and ${server} knows none`, [
        'Leave the window out, or give the stage a start time.',
      ]);
    }
    const health = gates.find((gate) => gate.type === 'health');
    if (health !== undefined && !capabilities.telemetry) {
      throw new OtaError(
        'USAGE',
        `stage ${escapeText(name)} asks for ${escapeText(health.rule)}, and ${server} measures nothing: it would wait for ever`,
        ['Ask the system that has the telemetry, with --probe.'],
      );
    }
  }
}
