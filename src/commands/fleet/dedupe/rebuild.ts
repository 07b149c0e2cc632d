import { Flags } from '@oclif/core';
import { sinkFlags, storeFlags } from '../../../cli/replay-flags.js';
import { storeArg } from '../../../cli/store-flags.js';
import { OtaError } from '../../../lib/core/errors.js';
import { parseSink } from '../../../lib/telemetry/endpoint.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag, inputFlag } from '../../../lib/ui/flags.js';
import { type RebuildFigures, storeRebuildText } from '../../../lib/ui/store-text.js';
import { countText } from '../../../lib/ui/telemetry-text.js';

const { store: _, ...makingFlags } = storeFlags;

export default class DedupeRebuild extends BaseCommand {
  static override summary = 'Make a store anew from what came out.';

  static override description =
    'For a store that was lost or damaged, or that needs other partitions: the output holds every id. As many of the ' +
    'newest messages are read as the window holds. The next replay reads its sources from their start, drops what ' +
    'came out, and goes on from there. With --force the new store takes the place of one that is there, damaged or ' +
    'not, with its settings where none are given; that one is kept beside it.\n\n' +
    'Exits 2 for an output that cannot be read back, 6 when the store cannot be written, 8 when there is one already or ' +
    'a replay has it, 16 for a missing output.';

  static override examples = [
    { description: 'A lost store:', command: '<%= config.bin %> <%= command.id %> seen --from out.ndjson' },
    {
      description: 'A damaged one:',
      command: '<%= config.bin %> <%= command.id %> seen --from out.ndjson --force',
    },
    {
      description: 'Four partitions instead of one:',
      command: '<%= config.bin %> <%= command.id %> seen-4 --from out.ndjson --partitions 4',
    },
  ];

  static override args = { store: storeArg };

  static override flags = {
    from: inputFlag({ summary: 'The output: a path or kafka://HOST/TOPIC.', helpValue: 'PATH|URL', required: true }),
    ...makingFlags,
    ...sinkFlags,
    force: Flags.boolean({ summary: 'Replace a store that is there; it is kept beside the new one.', default: false }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<RebuildFigures> {
    const { args, flags } = await this.parse(DedupeRebuild);
    const output = parseSink(flags.from);
    if (output.kind !== 'file' && output.kind !== 'kafka') throw notReadable(flags.from);
    const { runRebuild } = await import('../../../cli/run-rebuild.js');
    const status = this.statusLine();
    const rebuilt = await runRebuild({
      output,
      flags: { ...flags, store: args.store },
      force: flags.force,
      isDryRun: flags['dry-run'],
      signal: this.signal,
      onTail: (messages) => status.update(`${countText(messages)} messages of the output were read`),
    });
    status.done();
    const report = {
      store: args.store,
      tenant: flags.tenant,
      output: flags.from,
      dryRun: flags['dry-run'],
      ...rebuilt,
    };
    this.print(storeRebuildText(report));
    return report;
  }
}

function notReadable(spec: string): OtaError {
  return new OtaError('USAGE', `--from ${spec}: what came out there cannot be read back`, [
    'Name a file or a Kafka topic.',
  ]);
}
