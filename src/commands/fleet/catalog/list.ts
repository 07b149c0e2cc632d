import { Flags } from '@oclif/core';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { listReleases } from '../../../lib/fleet-api/catalog.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { releasesText } from '../../../lib/ui/catalog-text.js';

export default class CatalogList extends BaseCommand {
  static override summary = 'List what is published, the newest of each product first.';

  static override description =
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or may not read the catalogue.';

  static override examples = [
    { description: 'Everything:', command: '<%= config.bin %> <%= command.id %>' },
    {
      description: 'What of one product is stable, above 1.4, for a script:',
      command: '<%= config.bin %> <%= command.id %> --product meter --channel stable --version-range ">=1.4" --json',
    },
  ];

  static override flags = {
    product: Flags.string({ summary: 'Only of this product.', helpValue: 'NAME' }),
    channel: Flags.string({ summary: 'Only what is in this channel.', helpValue: 'NAME' }),
    'version-range': Flags.string({ summary: 'Only versions in this range.', helpValue: 'RANGE' }),
    max: Flags.integer({ summary: 'Most releases to list.', helpValue: 'N', default: 100, min: 1, max: 100_000 }),
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(CatalogList);
    const { product, channel, 'version-range': versionRange, max: most } = flags;
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const filter = { product, channel, versionRange };
    const { releases, total } = await listReleases(client, filter, { most, signal: this.signal });
    if (releases.length > 0) this.print(await releasesText(releases));
    if (releases.length < total) this.note(`${releases.length} of ${total} releases; for all of them: --max ${total}`);
    else if (releases.length === 0) this.note('no releases; `fleet catalog publish` makes one');
    return { releases, total };
  }
}
