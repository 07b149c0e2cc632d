import { productFlag } from '../../../../cli/catalog-flags.js';
import { fleetSessionFlags, openFleetSession } from '../../../../cli/fleet-session.js';
import { BaseCommand } from '../../../../lib/ui/base-command.js';
import { channelsText } from '../../../../lib/ui/catalog-text.js';
import { type ChannelList, channelList } from '../../../../lib/wire/catalog.js';

export default class CatalogChannelList extends BaseCommand {
  static override summary = 'List channels with the newest release of each.';

  static override description =
    'Whoever follows a channel is also given what is in the more careful ones before it: nightly has what is in beta, and ' +
    'beta what is stable. The setting catalog.channels names them.\n\n' +
    'Exits 2 for wrong usage, 7 when the server does not answer, 15 when you are not logged in or may not read the catalogue.';

  static override examples = [
    { description: 'Of all products:', command: '<%= config.bin %> <%= command.id %>' },
    { description: 'Of one, for a script:', command: '<%= config.bin %> <%= command.id %> --product meter --json' },
  ];

  static override flags = { product: productFlag, ...fleetSessionFlags };

  async run(): Promise<ChannelList> {
    const { flags } = await this.parse(CatalogChannelList);
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const query = { product: flags.product };
    const list = await client.call('GET', '/api/v1/channels', { query, answer: channelList, signal: this.signal });
    if (list.items.length > 0) this.print(await channelsText(list));
    else this.note(`nothing is published yet; the channels are ${list.order.join(', ')}`);
    return list;
  }
}
