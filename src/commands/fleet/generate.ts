import { setImmediate } from 'node:timers/promises';
import { Flags } from '@oclif/core';
import { throwIfAborted } from '../../lib/core/abort.js';
import { openAtomicFile, requireFreeTarget } from '../../lib/core/atomic-file.js';
import { OtaError } from '../../lib/core/errors.js';
import { escapeText } from '../../lib/core/text.js';
import { parseShare } from '../../lib/telemetry/drill.js';
import {
  generateTelemetry,
  MAX_LINES,
  MAX_VEHICLES,
  type TelemetryPlan,
  type TelemetryTally,
} from '../../lib/telemetry/generate-telemetry.js';
import { ID_KINDS } from '../../lib/telemetry/generated-id.js';
import { messageTime } from '../../lib/telemetry/message-time.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { generatedNote, generatedText } from '../../lib/ui/generated-text.js';
import { writeOn } from '../../lib/ui/streams.js';

/** What `fleet generate --json` prints. */
interface GenerateReport extends TelemetryTally {
  out: string;
  dryRun: boolean;
}

export default class Generate extends BaseCommand {
  static override summary = 'Generate telemetry of a fleet of vehicles, with retries and late arrivals.';

  static override description =
    'Vehicles drive, park and break down; what they send arrives as lines of JSON (NDJSON) of about 240 bytes, some ' +
    'of it twice, late, or out of order. The same flags give the same bytes, so that a replay can be repeated. The ' +
    'summary says how many messages a replay has to let through, and how many it has to drop.\n\n' +
    'Exits 2 for wrong usage, 6 when the output cannot be written, 8 when it exists.';

  static override examples = [
    {
      description: 'Ten million lines of a large fleet:',
      command: '<%= config.bin %> <%= command.id %> --lines 10000000 --vehicles 20000 --out week.ndjson',
    },
    {
      description: 'A stream for a drill, with everything that can be wrong with it:',
      command:
        '<%= config.bin %> <%= command.id %> --lines 50000 --duplicate 5% --late 3% --conflict 0.1% --malformed 0.1% --out drill.ndjson --json',
    },
  ];

  static override flags = {
    lines: Flags.integer({
      char: 'n',
      summary: 'How many lines, those included that come twice.',
      helpValue: 'N',
      default: 100_000,
      min: 1,
      max: MAX_LINES,
    }),
    vehicles: Flags.integer({
      summary: 'How many vehicles send them.',
      helpValue: 'N',
      default: 1000,
      min: 1,
      max: MAX_VEHICLES,
    }),
    start: Flags.string({
      summary: 'Time when it begins (RFC 3339).',
      helpValue: 'TIME',
      default: '2026-01-05T06:00:00Z',
    }),
    duplicate: Flags.string({ summary: 'Share of messages that are sent twice.', helpValue: 'N%', default: '0.6%' }),
    late: Flags.string({
      summary: 'Share of messages from where there is no network, up to 15 minutes late.',
      helpValue: 'N%',
      default: '1%',
    }),
    conflict: Flags.string({
      summary: 'Share of messages whose id comes a second time with another payload.',
      helpValue: 'N%',
      default: '0%',
    }),
    malformed: Flags.string({
      summary: 'Share of messages behind which comes a broken line.',
      helpValue: 'N%',
      default: '0%',
    }),
    ids: Flags.option({
      summary: 'Message ids: UUIDs (version 4), ULIDs, or text of another form.',
      options: ID_KINDS,
      default: 'uuid',
    })(),
    seed: Flags.integer({ summary: 'Decides everything that is random.', helpValue: 'N', default: 1 }),
    out: Flags.file({ char: 'o', summary: 'File to write; by default stdout.', helpValue: 'FILE' }),
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<GenerateReport> {
    const { flags } = await this.parse(Generate);
    const { lines, vehicles, ids, seed, out } = flags;
    const dryRun = flags['dry-run'];
    if (out === undefined && this.jsonEnabled()) {
      throw new OtaError('USAGE', '--json needs --out: stdout cannot hold both the lines and the summary', [
        'Add --out FILE.',
      ]);
    }
    const faults = {
      duplicate: parseShare(flags.duplicate),
      late: parseShare(flags.late),
      conflict: parseShare(flags.conflict),
      malformed: parseShare(flags.malformed),
    };
    const plan = { seed, vehicles, lines, startMs: parseStart(flags.start), ids, faults };
    if (out !== undefined && dryRun) await requireFreeTarget(out, flags.force);
    await using file =
      out === undefined || dryRun ? undefined : await openAtomicFile(out, { force: flags.force, signal: this.signal });
    const tally = await this.#generate(plan, async (chunk) => {
      if (dryRun)
        await setImmediate(); // lets Ctrl-C in
      else if (file !== undefined) await file.write(chunk);
      else if (!(await writeOn(process.stdout, chunk))) this.exit(0); // nobody reads any more, as with `head`
    });
    await file?.commit();
    const report = { out: out ?? '-', dryRun, ...tally };
    if (out === undefined) this.note(generatedNote(tally));
    else this.print(generatedText(report));
    return report;
  }

  async #generate(plan: TelemetryPlan, write: (chunk: Uint8Array) => Promise<void>): Promise<TelemetryTally> {
    const progress = this.progress('Generating', { total: plan.lines });
    const generator = generateTelemetry(plan);
    while (true) {
      throwIfAborted(this.signal);
      const step = generator.next();
      if (step.done) {
        progress.done();
        return step.value;
      }
      await write(step.value.bytes);
      progress.update(step.value.lines);
    }
  }
}

const MAX_START_MS = Date.UTC(3000, 0);

function parseStart(text: string): number {
  const json = Buffer.from(JSON.stringify(text));
  const startMs = messageTime(json, 0, json.length);
  if (startMs >= 0 && startMs < MAX_START_MS) return startMs;
  throw new OtaError('USAGE', `--start: "${escapeText(text)}" is no time from 1970 to 2999`, [
    'Write it as in RFC 3339, such as 2026-01-05T06:00:00Z.',
  ]);
}
