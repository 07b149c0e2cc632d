import { openStoreToRead, type WholeStore } from '../../../cli/open-store.js';
import { storeArg, tenantFlag } from '../../../cli/store-flags.js';
import type { StoreStats } from '../../../lib/dedupe/store.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import {
  type PartitionFigures,
  type StoreFigures,
  type StoreName,
  storeStatsText,
} from '../../../lib/ui/store-text.js';

export default class DedupeStats extends BaseCommand {
  static override summary = 'Show how many ids a store remembers, since when, and what that takes.';

  static override description =
    'Writes nothing and needs no lock: also while a replay runs. A damaged store is shown with its damage.\n\n' +
    'Exits 4 when the store is damaged so that nothing can be told, 16 when there is none.';

  static override examples = [
    { description: 'A store:', command: '<%= config.bin %> <%= command.id %> seen' },
    {
      description: 'Alert when the window gets short (hours):',
      command: '<%= config.bin %> <%= command.id %> seen --json | jq .windowSeconds/3600',
    },
  ];

  static override args = { store: storeArg };
  static override flags = { tenant: tenantFlag };

  async run(): Promise<StoreFigures> {
    const { args, flags } = await this.parse(DedupeStats);
    const name = { store: args.store, tenant: flags.tenant };
    await using store = await openStoreToRead(name);
    const figures = figuresOf(name, store);
    this.print(await storeStatsText(figures));
    return figures;
  }
}

function figuresOf(name: StoreName, { file, stores }: WholeStore): StoreFigures {
  const all = [...stores].map(([partition, store]) => ({ partition, stats: store.stats() }));
  const sum = (value: (stats: StoreStats) => number) => all.reduce((total, { stats }) => total + value(stats), 0);
  const oldest = all.flatMap(({ stats }) => stats.oldestTimeMs ?? []);
  const newest = all.flatMap(({ stats }) => stats.newestTimeMs ?? []);
  // Each partition forgets by itself: all of them remember since the latest of their beginnings.
  const times = oldest.length === 0 ? {} : timesOf(Math.max(...oldest), Math.max(...newest));
  return {
    ...name,
    output: file.sink,
    window: file.window ?? { keys: 0 },
    keys: sum(({ keys }) => keys),
    insertedKeys: sum(({ insertedKeys }) => insertedKeys),
    generations: sum(({ generations }) => generations),
    agedGenerations: sum(({ agedGenerations }) => agedGenerations),
    diskBytes: sum(({ diskBytes }) => diskBytes),
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    filter: { kind: all[0]?.stats.filter.kind ?? 'none', bytes: sum(({ filter }) => filter.bytes) },
    digestBytes: file.digestBytes,
    digestIgnore: file.digestIgnore,
    ...times,
    ...(oldest.length > 0 && { windowSeconds: Math.max(0, Math.max(...newest) - Math.max(...oldest)) / 1000 }),
    damage: all.flatMap(({ partition, stats }) => stats.damage.map((block) => ({ partition, ...block }))),
    partitions: all.map(({ partition, stats }) => partitionFigures(partition, stats)),
  };
}

function partitionFigures(partition: number, stats: StoreStats): PartitionFigures {
  const { keys, insertedKeys, generations, agedGenerations, diskBytes, memoryBytes, oldestTimeMs, newestTimeMs } =
    stats;
  const times = oldestTimeMs === undefined || newestTimeMs === undefined ? {} : timesOf(oldestTimeMs, newestTimeMs);
  return { partition, keys, insertedKeys, generations, agedGenerations, diskBytes, memoryBytes, ...times };
}

function timesOf(oldestMs: number, newestMs: number): { oldestTime: string; newestTime: string } {
  return { oldestTime: new Date(oldestMs).toISOString(), newestTime: new Date(newestMs).toISOString() };
}
