import { Flags } from '@oclif/core';
import { productFlag, releaseArg } from '../../../cli/catalog-flags.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { OtaError } from '../../../lib/core/errors.js';
import { escapeText } from '../../../lib/core/text.js';
import { findRelease } from '../../../lib/fleet-api/catalog.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { yankText } from '../../../lib/ui/catalog-text.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { type ReleaseDetail, yankResult } from '../../../lib/wire/catalog.js';

export default class CatalogYank extends BaseCommand {
  static override summary = 'Withdraw a release: no device is given it any more.';

  static override description =
    'Its distribution set can be assigned to nobody, and updates to it under way are cancelled; the devices are asked. ' +
    'Devices that have it keep it. It stays in the list, with the reason. --undo offers it again; what was cancelled stays ' +
    'cancelled.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 8 when it is withdrawn already or several releases have ' +
    'the version, 15 when you may not change the catalogue, 16 when there is no such release.';

  static override examples = [
    {
      description: 'Stop a bad release:',
      command: '<%= config.bin %> <%= command.id %> 2.1.0 --product meter --reason "loses its clock after a restart"',
    },
    { description: 'It was sound after all:', command: '<%= config.bin %> <%= command.id %> 4cb52f2b1a90 --undo' },
  ];

  static override args = { release: releaseArg };

  static override flags = {
    reason: Flags.string({
      summary: 'Why, for everybody who meets it.',
      helpValue: 'TEXT',
    }),
    undo: Flags.boolean({ summary: 'Offer it again.', default: false }),
    product: productFlag,
    'dry-run': dryRunFlag,
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(CatalogYank);
    const { signal } = this;
    if ((flags.reason === undefined) !== flags.undo) {
      throw new OtaError('USAGE', 'a release is withdrawn for a reason, or offered again without one', [
        'Give either --reason TEXT or --undo.',
      ]);
    }
    const session = await openFleetSession(flags, { environment: process.env, signal });
    await using client = session.client;
    const release = await findRelease(client, args.release, { product: flags.product, signal });
    const at = `/api/v1/releases/${release.digest}`;
    if (flags['dry-run']) {
      requireChange(release, flags.undo);
      const { assigned, installed } = release.devices;
      this.note(`Would ${flags.undo ? 'offer again' : 'withdraw'} ${release.product} ${release.version}`);
      this.note(`${installed} devices have it, it is assigned to ${assigned}`);
      return { isDryRun: true, release };
    }
    const result = flags.undo
      ? await client.call('POST', `${at}/unyank`, { answer: yankResult, signal })
      : await client.call('POST', `${at}/yank`, { json: { reason: flags.reason }, answer: yankResult, signal });
    this.print(yankText(result));
    return { isDryRun: false, ...result };
  }
}

/** As the server would refuse it. @throws OtaError CONFLICT */
function requireChange({ product, version, yanked }: ReleaseDetail, isUndone: boolean): void {
  if (isUndone === (yanked !== null)) return;
  const why = yanked === null ? 'is not withdrawn' : `is withdrawn already: ${escapeText(yanked.reason)}`;
  throw new OtaError('CONFLICT', `${escapeText(product)} ${escapeText(version)} ${why}`);
}
