import { Args } from '@oclif/core';
import { olderFlag, productFlag, releaseArg } from '../../../../cli/catalog-flags.js';
import { fleetSessionFlags, openFleetSession } from '../../../../cli/fleet-session.js';
import { findRelease } from '../../../../lib/fleet-api/catalog.js';
import { BaseCommand } from '../../../../lib/ui/base-command.js';
import { inChannelsText } from '../../../../lib/ui/catalog-text.js';
import { dryRunFlag } from '../../../../lib/ui/flags.js';
import { type ReleaseJson, release } from '../../../../lib/wire/catalog.js';

export default class CatalogChannelAdd extends BaseCommand {
  static override summary = 'Put a release in a channel.';

  static override description =
    'A release that is in it stays as it is.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 8 when the channel has a newer release, it was withdrawn, or several releases have ' +
    'the version, 15 when you may not change the catalogue, 16 when there is no such release or channel.';

  static override examples = [
    {
      description: 'Promote what was tested:',
      command: '<%= config.bin %> <%= command.id %> 2.1.0 stable --product meter',
    },
    {
      description: 'By the beginning of its digest:',
      command: '<%= config.bin %> <%= command.id %> 4cb52f2b1a90 beta',
    },
  ];

  static override args = {
    release: releaseArg,
    channel: Args.string({ description: 'Name of the channel.', required: true }),
  };

  static override flags = { older: olderFlag, product: productFlag, 'dry-run': dryRunFlag, ...fleetSessionFlags };

  async run(): Promise<ReleaseJson> {
    const { args, flags } = await this.parse(CatalogChannelAdd);
    const { signal } = this;
    const session = await openFleetSession(flags, { environment: process.env, signal });
    await using client = session.client;
    const found = await findRelease(client, args.release, { product: flags.product, signal });
    const path = `/api/v1/releases/${found.digest}/channels/${encodeURIComponent(args.channel)}`;
    const query = { older: flags.older, dryRun: flags['dry-run'] };
    const changed = await client.call('PUT', path, { query, answer: release, signal });
    if (flags['dry-run']) this.note(`Would put ${found.product} ${found.version} in ${args.channel}`);
    this.print(inChannelsText(changed));
    return changed;
  }
}
