import { Args } from '@oclif/core';
import { openStoreToRead, type WholeStore } from '../../../cli/open-store.js';
import { storeArg, tenantFlag } from '../../../cli/store-flags.js';
import { EXIT_STATUS, OtaError } from '../../../lib/core/errors.js';
import { messageKeyer } from '../../../lib/dedupe/message-key.js';
import { MAX_ID_BYTES } from '../../../lib/telemetry/message.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { type InspectedId, type StoreName, storeInspectText } from '../../../lib/ui/store-text.js';

/** What `fleet dedupe inspect --json` prints. */
interface DedupeInspectReport extends StoreName {
  ids: InspectedId[];
}

export default class DedupeInspect extends BaseCommand {
  static override summary = 'Ask whether messages came out already, and when.';

  static override description =
    'Times are those of the messages that came out together with it, as far as the store knows. Writes nothing and ' +
    'needs no lock: also while a replay runs.\n\n' +
    'Exits 2 for what can be no id, 4 when the store is damaged so that nothing can be told, 16 when one of the ids is not remembered (the report ' +
    'is still printed), or there is no store.';

  static override examples = [
    {
      description: 'Did this message come out?',
      command: '<%= config.bin %> <%= command.id %> seen 01890a5d-ac96-774b-bcce-b302099a8057',
    },
    {
      description: 'In a script, by the exit status:',
      command: '<%= config.bin %> <%= command.id %> seen "$ID" --json > sighting.json',
    },
  ];

  static override args = {
    store: storeArg,
    id: Args.string({ description: 'Message ids, as they stand in messages.', required: true, multiple: true }),
  };

  static override flags = { tenant: tenantFlag };

  async run(): Promise<DedupeInspectReport> {
    const { args, flags } = await this.parse(DedupeInspect);
    const name = { store: args.store, tenant: flags.tenant };
    for (const id of args.id) requireId(id);
    await using store = await openStoreToRead(name);
    const keyer = messageKeyer(store.secret);
    const ids = args.id.map((id) => sighted(id, keyer.keyOf(id), store));
    this.print(storeInspectText(ids));
    if (ids.some(({ isRemembered }) => !isRemembered)) process.exitCode = EXIT_STATUS.NOT_FOUND;
    return { ...name, ids };
  }
}

/** @throws OtaError USAGE for what every replay refuses, so that it is not reported as forgotten */
function requireId(id: string): void {
  const bytes = Buffer.byteLength(id);
  if (bytes >= 1 && bytes <= MAX_ID_BYTES) return;
  throw new OtaError('USAGE', `message id: has ${bytes} bytes, expected 1 to ${MAX_ID_BYTES}`, [
    'Give it as it stands between the quotes of messageId.',
  ]);
}

function sighted(id: string, key: Uint32Array, { stores }: WholeStore): InspectedId {
  for (const [partition, store] of stores) {
    const sighting = store.find(key);
    if (sighting === undefined) continue;
    const { generation, firstTimeMs, lastTimeMs, digest } = sighting;
    return {
      id,
      isRemembered: true,
      partition,
      generation,
      ...(firstTimeMs !== undefined && { firstTime: new Date(firstTimeMs).toISOString() }),
      ...(lastTimeMs !== undefined && { lastTime: new Date(lastTimeMs).toISOString() }),
      ...(digest !== undefined && { digest: Buffer.from(digest).toString('hex') }),
    };
  }
  return { id, isRemembered: false };
}
