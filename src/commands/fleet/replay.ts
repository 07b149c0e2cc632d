import { Args } from '@oclif/core';
import { drillOf, replayFlags } from '../../cli/replay-flags.js';
import { requireMeaning } from '../../cli/telemetry-ends.js';
import { abortError } from '../../lib/core/abort.js';
import { OtaError } from '../../lib/core/errors.js';
import type { PipelineEvent } from '../../lib/pipeline/events.js';
import { parseSink, parseSource } from '../../lib/telemetry/endpoint.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import type { StatusLine } from '../../lib/ui/status-line.js';

export default class Replay extends BaseCommand {
  static override isStream = true;

  static override summary = 'Bring telemetry to where it belongs, each message once.';

  static override description =
    'Reads messages, one JSON object a line, and lets through those whose id it does not remember. Where the output is ' +
    'a file or a Kafka topic each message comes out exactly once, whatever is killed, unplugged or full in between: ' +
    'type the same command again. HTTP, MQTT and stdout get each message at least once, with the same id.\n\n' +
    'Sources: paths, - for stdin, mqtt://HOST/FILTER, kafka://HOST/TOPIC; several are read one after the other, those ' +
    'that never end at the same time. --to takes the same, and http(s):// to post batches to. With mqtts:// and ' +
    'kafkas:// over TLS. docs/guides/telemetry.md has what is promised for each of them.\n\n' +
    'Ctrl-C stops at a batch boundary, and the next run goes on there. --json prints events, one a line: started, ' +
    'recovered, warning, damage, progress, finished, error.\n\n' +
    'Exits 2 for wrong usage and a store that was made otherwise, 4 for a damaged store, or with --strict for a line ' +
    'that is no message, 6 when output or store cannot be written, 7 when the network or a broker fails, 8 when ' +
    'another run has the store, when output and store do not belong together, or with --strict for a conflict, 9 when ' +
    'the window does not fit into the memory, 15 for a refused user, 16 for a missing source, 130 when interrupted.';

  static override examples = [
    {
      description: 'A recording, as fast as possible; type it again after whatever happened:',
      command: '<%= config.bin %> <%= command.id %> trips.ndjson --to out.ndjson --store seen',
    },
    {
      description: 'Ten times as fast as it was recorded, with faults put in, into a service:',
      command:
        '<%= config.bin %> <%= command.id %> trips.ndjson --to https://ingest.example.com/v1/telemetry --token-env TOKEN ' +
        '--store seen --speed 10x --duplicate 0.6% --reorder 5s --drop-ack 1%',
    },
    {
      description: 'What vehicles send to a broker, into a file, until it was silent for a minute:',
      command:
        '<%= config.bin %> <%= command.id %> "mqtts://broker.example.com/vehicles/+/telemetry?client=ingest-1" ' +
        '--source-username ingest --source-password-env BROKER_PASSWORD --to live.ndjson --store live --until-idle 1min',
    },
  ];

  static override args = {
    source: Args.string({
      description: 'Where messages come from: paths, - for stdin, mqtt:// or kafka:// addresses.',
      required: true,
      multiple: true,
    }),
  };

  static override flags = replayFlags;

  async run(): Promise<{ type: string }> {
    const { args, flags } = await this.parse(Replay);
    const [sources, sink] = [args.source.map(parseSource), parseSink(flags.to)];
    if (sink.kind === 'stdio' && this.jsonEnabled()) throw stdoutTwice();
    requireMeaning(sources, sink, (flag) => this.isTyped(flag, flags[flag as keyof typeof flags]));

    const { deadLettersOf, planReplay, runReplay } = await import('../../cli/run-replay.js');
    const text = await import('../../lib/ui/telemetry-text.js');
    const request = {
      sources,
      sink,
      flags,
      drill: drillOf(flags),
      pace: flags.rate ?? flags.speed,
      signal: this.signal,
    };
    if (flags['dry-run']) {
      const plan = await planReplay({ ...request, onEvent: () => {} });
      this.print(text.planText(plan));
      return { type: 'plan', ...plan };
    }
    // On a terminal the line would stand in the middle of the data.
    const status = sink.kind === 'stdio' && process.stdout.isTTY ? undefined : this.statusLine();
    status?.update('Opening');
    let [isDamaged, isReread] = [false, false];
    const summary = await runReplay({
      ...request,
      onEvent: (event) => {
        if (event.type === 'started') isDamaged ||= event.isDamaged;
        if (event.type === 'started') isReread ||= event.isReread === true;
        this.#tell(event, status, text);
      },
    });
    status?.done();
    const result = {
      ...summary,
      sources: args.source,
      sink: flags.to,
      deadLetters: deadLettersOf(flags),
      isDamaged,
      isReread,
    };
    if (summary.isInterrupted) process.exitCode = abortError(this.signal).exitCode;
    const lines = text.replayText(result);
    if (sink.kind !== 'stdio') this.print(lines);
    else for (const line of lines.split('\n')) this.note(line);
    return { type: 'finished', ...result };
  }

  #tell(
    event: PipelineEvent,
    status: StatusLine | undefined,
    text: typeof import('../../lib/ui/telemetry-text.js'),
  ): void {
    const { type, ...fields } = event;
    // The last event is what `run` returns.
    if (type !== 'finished') void this.event(type, fields);
    if (event.type === 'started') this.note(text.startedText(event));
    else if (event.type === 'recovered') this.note(text.recoveredText(event));
    else if (event.type === 'warning') this.warnUser(event.message);
    else if (event.type === 'damage') this.warnUser(text.damageText(event.block));
    else if (event.type === 'progress') status?.update(text.replayProgressText(event));
  }
}

function stdoutTwice(): OtaError {
  return new OtaError('USAGE', '--json and --to - exclude each other: stdout cannot hold both messages and events', [
    'Write the messages to a file, or leave --json out.',
  ]);
}
