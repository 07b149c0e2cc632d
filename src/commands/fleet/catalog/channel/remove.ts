import { Args } from '@oclif/core';
import { productFlag, releaseArg } from '../../../../cli/catalog-flags.js';
import { fleetSessionFlags, openFleetSession } from '../../../../cli/fleet-session.js';
import { findRelease } from '../../../../lib/fleet-api/catalog.js';
import { BaseCommand } from '../../../../lib/ui/base-command.js';
import { inChannelsText } from '../../../../lib/ui/catalog-text.js';
import { dryRunFlag } from '../../../../lib/ui/flags.js';
import { type ReleaseJson, release } from '../../../../lib/wire/catalog.js';

export default class CatalogChannelRemove extends BaseCommand {
  static override summary = 'Take a release out of a channel.';

  static override description =
    'Devices that have the release keep it; `fleet catalog yank` withdraws it everywhere.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 8 when several releases have ' +
    'the version, 15 when you may not change the catalogue, 16 when there is no such release.';

  static override examples = [
    { description: 'By version:', command: '<%= config.bin %> <%= command.id %> 2.1.0 stable --product meter' },
    {
      description: 'By the beginning of its digest:',
      command: '<%= config.bin %> <%= command.id %> 4cb52f2b1a90 beta',
    },
  ];

  static override args = {
    release: releaseArg,
    channel: Args.string({ description: 'Name of the channel.', required: true }),
  };

  static override flags = { product: productFlag, 'dry-run': dryRunFlag, ...fleetSessionFlags };

  async run(): Promise<ReleaseJson> {
    const { args, flags } = await this.parse(CatalogChannelRemove);
    const { signal } = this;
    const session = await openFleetSession(flags, { environment: process.env, signal });
    await using client = session.client;
    const found = await findRelease(client, args.release, { product: flags.product, signal });
    const path = `/api/v1/releases/${found.digest}/channels/${encodeURIComponent(args.channel)}`;
    if (flags['dry-run']) {
      this.note(`Would take ${found.product} ${found.version} out of ${args.channel}`);
      return found;
    }
    const changed = await client.call('DELETE', path, { answer: release, signal });
    this.print(inChannelsText(changed));
    return changed;
  }
}
