import { Flags } from '@oclif/core';
import { parseDuration } from '../lib/core/duration.js';
import type { Drill } from '../lib/telemetry/drill.js';
import type { Pace } from '../lib/telemetry/pacing.js';
import { byteSizeFlag, dryRunFlag, inputFlag } from '../lib/ui/flags.js';
import { acceptDamageFlag, tenantFlag } from './store-flags.js';

const durationFlag = Flags.custom<number>({ helpValue: 'TIME', parse: async (input) => parseDuration(input) });

const shareFlag = Flags.custom<number>({
  helpValue: 'N%',
  parse: async (input) => (await import('../lib/telemetry/drill.js')).parseShare(input),
});

/** The store of a replay, and how it is made. */
export const storeFlags = {
  store: Flags.directory({
    char: 's',
    summary: 'Folder of the store that remembers what came out; made when it is missing.',
    helpValue: 'DIR',
    required: true,
  }),
  tenant: tenantFlag,
  partitions: Flags.integer({
    summary: 'Parts the store is made of; fixed when it is made [default: 1, or what the store has].',
    helpValue: 'N',
    min: 1,
    max: 10_000,
    helpGroup: 'STORE',
  }),
  'window-keys': Flags.integer({
    summary: 'Ids that are remembered, at least; the oldest go first [default: 20000000, or what the store has].',
    helpValue: 'N',
    min: 1,
    exclusive: ['window-bytes'],
    helpGroup: 'STORE',
  }),
  'window-bytes': byteSizeFlag({
    summary: 'Room on disk that remembered ids may take.',
    exclusive: ['window-keys'],
    helpGroup: 'STORE',
  }),
  memory: byteSizeFlag({ summary: 'Memory that the store may take.', helpGroup: 'STORE' }),
  'payload-digest': Flags.boolean({
    summary: 'Also remember a digest of each payload: an id that comes again with another one is a conflict.',
    helpGroup: 'STORE',
  }),
  'digest-ignore': Flags.string({
    summary: 'Member of messages that may differ when one is sent again. Repeatable.',
    helpValue: 'NAME',
    multiple: true,
    multipleNonGreedy: true,
    dependsOn: ['payload-digest'],
    helpGroup: 'STORE',
  }),
  'accept-damage': acceptDamageFlag,
};

const outputFlags = {
  'min-window-time': durationFlag({
    summary: 'Warn when the ids that are remembered span less time than this.',
    helpGroup: 'STORE',
  }),
  'new-output': Flags.boolean({
    summary: 'Go on into another output, or one that was emptied.',
    default: false,
    helpGroup: 'STORE',
  }),
  rebuild: Flags.boolean({
    summary: 'Make the store anew from an output that holds messages already.',
    default: false,
    exclusive: ['new-output'],
    helpGroup: 'STORE',
  }),
};

const messageFlags = {
  'missing-id': Flags.option({
    summary: 'Messages without an id: refuse them, or derive an id from their bytes.',
    options: ['refuse', 'derive'] as const,
    default: 'refuse',
    helpGroup: 'MESSAGES',
  })(),
  'dead-letters': Flags.file({
    summary: 'Where lines go that are no messages, and conflicts [default: dead-letters.ndjson in the store].',
    helpValue: 'FILE',
    helpGroup: 'MESSAGES',
  }),
  strict: Flags.boolean({
    summary: 'Stop at the first line that is no message, and at the first conflict.',
    default: false,
    helpGroup: 'MESSAGES',
  }),
  'from-checkpoint': Flags.boolean({
    summary: 'Go on where the last run stopped; --no-from-checkpoint reads from the start, and drops what came out.',
    allowNo: true,
    default: true,
    helpGroup: 'MESSAGES',
  }),
};

const paceFlags = {
  rate: Flags.custom<Pace>({
    summary: 'So many messages in a time: 5000/s, 30/min.',
    helpValue: 'N/s',
    exclusive: ['speed', 'as-fast-as-possible'],
    helpGroup: 'PACE',
    parse: async (input) => (await import('../lib/telemetry/pacing.js')).parseRate(input),
  })(),
  speed: Flags.custom<Pace>({
    summary: 'So many times as fast as they were recorded, by their timestamps: 1x, 10x.',
    helpValue: 'Nx',
    exclusive: ['rate', 'as-fast-as-possible'],
    helpGroup: 'PACE',
    parse: async (input) => (await import('../lib/telemetry/pacing.js')).parseSpeed(input),
  })(),
  'as-fast-as-possible': Flags.boolean({
    summary: 'What happens without --rate and --speed.',
    exclusive: ['rate', 'speed'],
    helpGroup: 'PACE',
  }),
  'until-idle': durationFlag({
    summary: 'End when a source that never ends was silent for so long.',
    helpGroup: 'PACE',
  }),
};

const drillFlags = {
  duplicate: shareFlag({ summary: 'Share of messages that are sent twice.', helpGroup: 'DRILL' }),
  reorder: durationFlag({ summary: 'Messages are late by up to this time.', helpGroup: 'DRILL' }),
  'drop-ack': shareFlag({
    summary: 'Share of messages that come again later, as if nobody had acknowledged them.',
    helpGroup: 'DRILL',
  }),
  seed: Flags.integer({
    summary: 'Decides which messages that befalls.',
    helpValue: 'N',
    default: 1,
    helpGroup: 'DRILL',
  }),
};

/** How to get into an output. */
export const sinkFlags = {
  'sink-username': Flags.string({ summary: 'User at the sink.', helpValue: 'NAME', helpGroup: 'CONNECTION' }),
  'sink-password-env': Flags.string({
    summary: 'Environment variable that holds the password for the sink.',
    helpValue: 'NAME',
    dependsOn: ['sink-username'],
    helpGroup: 'CONNECTION',
  }),
  sasl: Flags.option({
    summary: 'How Kafka asks for user and password.',
    options: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const,
    default: 'SCRAM-SHA-512',
    helpGroup: 'CONNECTION',
  })(),
  ca: Flags.file({
    summary: 'Certificate authorities (PEM) to trust instead of the public ones.',
    helpValue: 'FILE',
    helpGroup: 'CONNECTION',
  }),
};

const connectionFlags = {
  group: Flags.string({
    summary: 'Consumer group of a Kafka source [default: fleet-TENANT].',
    helpValue: 'NAME',
    helpGroup: 'CONNECTION',
  }),
  'source-username': Flags.string({ summary: 'User at the source.', helpValue: 'NAME', helpGroup: 'CONNECTION' }),
  'source-password-env': Flags.string({
    summary: 'Environment variable that holds the password for the source.',
    helpValue: 'NAME',
    dependsOn: ['source-username'],
    helpGroup: 'CONNECTION',
  }),
  'token-env': Flags.string({
    summary: 'Environment variable that holds the bearer token for an HTTP sink.',
    helpValue: 'NAME',
    helpGroup: 'CONNECTION',
  }),
};

export const replayFlags = {
  to: inputFlag({ char: 't', summary: 'Where each message comes out once.', required: true }),
  ...storeFlags,
  ...outputFlags,
  ...messageFlags,
  ...paceFlags,
  ...drillFlags,
  ...connectionFlags,
  ...sinkFlags,
  threads: Flags.integer({
    summary: 'Threads that decode [default: one for each core but one].',
    helpValue: 'N',
    min: 0,
    max: 64,
  }),
  'dry-run': dryRunFlag,
};

/** The faults to put in; undefined without any. */
export function drillOf(flags: {
  duplicate?: number;
  reorder?: number;
  'drop-ack'?: number;
  seed: number;
}): Drill | undefined {
  const { duplicate, reorder: reorderMs, 'drop-ack': dropAck, seed } = flags;
  if (duplicate === undefined && reorderMs === undefined && dropAck === undefined) return undefined;
  return {
    seed,
    ...(duplicate !== undefined && { duplicate }),
    ...(reorderMs !== undefined && { reorderMs }),
    ...(dropAck !== undefined && { dropAck }),
  };
}
