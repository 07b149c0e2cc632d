import { Args } from '@oclif/core';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { EXIT_STATUS } from '../../../lib/core/errors.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { rollbackText } from '../../../lib/ui/rollback-text.js';
import { type RollbackAnswer, rollbackAnswer } from '../../../lib/wire/catalog.js';

export default class CatalogRollback extends BaseCommand {
  static override summary = 'Foretell which release a device would go back to, and why.';

  static override description =
    'For every older release three questions are answered: continuity (did it run here, and does what runs allow the way ' +
    'back?), signature (does it count under the trust root of today?) and storage (is its image in a slot, or can it be ' +
    'fetched?). The newest that passes them all is the target. Nothing is changed, and the device has the last word. What it ' +
    'does not tell about itself is taken from what the server has seen.\n\n' +
    'Exits 2 for wrong usage, 5 when there is nothing to go back to, 7 when the server does not answer, 15 when you are not ' +
    'logged in or may not see devices, 16 when there is no such device, or nothing is known of what it runs.';

  static override examples = [
    { description: 'Before an update that may fail:', command: '<%= config.bin %> <%= command.id %> hub-1' },
    { description: 'For a script:', command: '<%= config.bin %> <%= command.id %> hub-1 --json' },
  ];

  static override args = { device: Args.string({ description: 'Name of the device.', required: true }) };

  static override flags = fleetSessionFlags;

  async run(): Promise<RollbackAnswer> {
    const { args, flags } = await this.parse(CatalogRollback);
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const path = `/api/v1/devices/${encodeURIComponent(args.device)}/rollback-target`;
    const answer = await client.call('GET', path, { answer: rollbackAnswer, signal: this.signal });
    this.print(rollbackText(answer));
    if (answer.target === null) process.exitCode = EXIT_STATUS.NO_ROLLBACK_TARGET;
    return answer;
  }
}
