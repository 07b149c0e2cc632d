import { productFlag, releaseArg } from '../../../cli/catalog-flags.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { findRelease } from '../../../lib/fleet-api/catalog.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { releaseText } from '../../../lib/ui/catalog-text.js';
import type { ReleaseDetail } from '../../../lib/wire/catalog.js';

export default class CatalogShow extends BaseCommand {
  static override summary = 'Show a release: what it is for, what devices download, and how many have it.';

  static override description =
    'Exits 2 for wrong usage, 7 when the server does not answer, 8 when several releases have the version, 15 when you are ' +
    'not logged in or may not read the catalogue, 16 when there is no such release.';

  static override examples = [
    { description: 'By version:', command: '<%= config.bin %> <%= command.id %> 2.1.0 --product meter' },
    { description: 'By the beginning of its digest:', command: '<%= config.bin %> <%= command.id %> 4cb52f2b1a90' },
  ];

  static override args = { release: releaseArg };

  static override flags = { product: productFlag, ...fleetSessionFlags };

  async run(): Promise<ReleaseDetail> {
    const { args, flags } = await this.parse(CatalogShow);
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const release = await findRelease(client, args.release, { product: flags.product, signal: this.signal });
    this.print(await releaseText(release));
    return release;
  }
}
