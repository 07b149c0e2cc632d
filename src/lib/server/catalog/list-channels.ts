import { releasesIn } from '../../catalog/channel.js';
import { refOf } from '../../catalog/release.js';
import { newest } from '../../catalog/standing.js';
import type { ChannelList } from '../../wire/catalog.js';
import { readSettings } from '../access/tenant-settings.js';
import type { Queryable } from '../database/database.js';
import { storedReleases } from './stored-release.js';

/** The channels of every product, or of one. */
export async function listChannels(db: Queryable, tenantId: number, product: string | undefined): Promise<ChannelList> {
  const order = (await readSettings(db, tenantId))['catalog.channels'];
  const releases = await storedReleases(db, tenantId, (some) =>
    product === undefined ? some : some.where('release.product', '=', product),
  );
  const byProduct = Map.groupBy(releases, ({ metadata }) => metadata.product);
  const items = [...byProduct].flatMap(([name, published]) =>
    order.map((channel) => {
      const head = newest(releasesIn(published, channel, order).filter(({ yanked }) => yanked === undefined));
      const members = published.filter(({ channels }) => channels.some((entry) => entry.name === channel));
      return { product: name, name: channel, releases: members.length, head: head ? refOf(head) : null };
    }),
  );
  return { order, items };
}
