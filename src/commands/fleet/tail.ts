import { Flags } from '@oclif/core';
import { fleetSessionFlags, openFleetSession } from '../../cli/fleet-session.js';
import type { Feed, TailItem } from '../../cli/tail/feed.js';
import { runTail, type TailResult } from '../../cli/tail/run-tail.js';
import { devicesQuery, eventTypes } from '../../cli/tail/tail-query.js';
import { abortError } from '../../lib/core/abort.js';
import { systemClock } from '../../lib/core/clock.js';
import { parseDuration } from '../../lib/core/duration.js';
import { OtaError } from '../../lib/core/errors.js';
import { escapeText } from '../../lib/core/text.js';
import { parsePredicate } from '../../lib/query/parse-predicate.js';
import type { Predicate } from '../../lib/query/predicate.js';
import { parseSource } from '../../lib/telemetry/endpoint.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { jsonText } from '../../lib/ui/json-text.js';
import { secretOfEnvironment } from '../../lib/ui/secret.js';
import type { StatusLine } from '../../lib/ui/status-line.js';
import { writeOn } from '../../lib/ui/streams.js';
import { figuresText, TailText } from '../../lib/ui/tail-text.js';
import { parsePosition, type StreamPosition } from '../../lib/wire/events.js';

export default class Tail extends BaseCommand {
  static override isStream = true;

  static override summary = 'Watch what happens in the fleet, and wait for it in a pipeline.';

  static override description =
    'Prints telemetry, status, rollout and alert events as they come: as lines for people on a terminal, as NDJSON ' +
    'elsewhere and with --json. A lost connection is made again, and goes on where it was: no event comes twice, and ' +
    'where some are no longer kept a gap event says how many.\n\n' +
    '--until waits: for a condition on members of events, and on how many devices it has to hold, such as ' +
    '\'status.version == "2.1.0" on 100%\'. Devices that are there already count. docs/filters.md has both languages, of ' +
    '--until and of --where.\n\n' +
    'Exits 0 when what --until waits for has come, and when --max or --timeout ends a tail without it; 2 for wrong usage, ' +
    '7 when there is no connection, or none any more, 14 when --until had not come in time, 15 for a login that is ' +
    'refused, 130 after Ctrl-C.';

  static override examples = [
    {
      description: 'Everything about one device, from ten minutes ago on:',
      command: '<%= config.bin %> <%= command.id %> --device hub-7 --since 10m',
    },
    {
      description: 'A step of a pipeline: wait until the canaries run the new version.',
      command:
        '<%= config.bin %> <%= command.id %> --where tag=canary --type status --until \'status.version == "2.1.0" on 95%\' --timeout 30m',
    },
    {
      description: 'Straight from a broker:',
      command: "<%= config.bin %> <%= command.id %> --from 'mqtt://broker/t/DEFAULT/devices/+/telemetry' --max 100",
    },
  ];

  static override flags = {
    device: Flags.string({
      char: 'd',
      summary: 'Name of a device. Repeatable.',
      helpValue: 'ID',
      multiple: true,
      multipleNonGreedy: true,
    }),
    where: Flags.string({
      char: 'w',
      summary: 'Devices by what they are, such as model=hub or version<2.1. Repeatable.',
      helpValue: 'FILTER',
      multiple: true,
      multipleNonGreedy: true,
      exclusive: ['from'],
    }),
    filter: Flags.string({ summary: 'Devices by FIQL.', helpValue: 'FIQL', exclusive: ['from'] }),
    type: Flags.string({
      char: 't',
      summary: 'Types of events with commas between: telemetry, status, rollout, alert. [default: all]',
      helpValue: 'TYPES',
    }),
    since: Flags.string({
      summary: 'Begin so long ago, or at this time, instead of now.',
      helpValue: '10m|TIME',
      exclusive: ['from', 'cursor'],
    }),
    cursor: Flags.string({
      summary: 'Go on behind this event of an earlier tail.',
      helpValue: 'CURSOR',
      exclusive: ['from', 'since'],
    }),
    until: Flags.string({ summary: 'End when this has happened.', helpValue: 'CONDITION' }),
    max: Flags.integer({ char: 'n', summary: 'End after so many events.', helpValue: 'N', min: 1 }),
    timeout: Flags.string({ summary: 'End after so long.', helpValue: '5m' }),
    'lost-after': Flags.string({
      summary: 'How long to try to get a lost connection back.',
      helpValue: '2m',
      default: '2m',
    }),
    output: Flags.option({ options: ['text', 'ndjson'] as const, char: 'o' })({
      summary: 'How events are written. [default: text on a terminal, ndjson elsewhere]',
    }),
    from: Flags.string({
      summary: 'Read from a broker instead of a server.',
      helpValue: 'mqtt://HOST/FILTER',
      exclusive: ['server', 'profile', 'token-env'],
    }),
    'broker-username': Flags.string({
      summary: 'Name to log in to the broker with.',
      helpValue: 'NAME',
      dependsOn: ['from'],
    }),
    'broker-password-env': Flags.string({
      summary: 'Name of the environment variable that holds the password for the broker.',
      helpValue: 'NAME',
      dependsOn: ['broker-username'],
    }),
    ...fleetSessionFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Tail);
    const predicate = flags.until === undefined ? undefined : parsePredicate(flags.until);
    const timeout = flags.timeout === undefined ? undefined : parseDuration(flags.timeout);
    const lostAfterMs = parseDuration(flags['lost-after']);
    const types = eventTypes(flags.type);
    const where = devicesQuery(flags);
    if (flags.from !== undefined && predicate?.quantifier.kind === 'share') throw unknownShare();

    const asText = !this.jsonEnabled() && (flags.output ?? (process.stdout.isTTY ? 'text' : 'ndjson')) === 'text';
    const status = predicate === undefined ? undefined : this.statusLine();
    const onLost = (reason: OtaError | undefined) =>
      this.warnUser(`${reason?.message ?? 'the connection was lost'}; trying to get it back`);
    const request = {
      until: predicate && { predicate, scope: undefined },
      max: flags.max,
      timeout: timeout === undefined ? undefined : AbortSignal.timeout(timeout),
      signal: this.signal,
      print: this.#printer(asText, status),
      ...(predicate && { onFigures: (figures: object) => status?.update(figuresText(predicate, figures as never)) }),
    };
    if (flags.from !== undefined) {
      const feed = await this.#brokerFeed(flags.from, { ...flags, types, lostAfterMs });
      return this.#report(await runTail({ ...request, feed }), predicate, status, flags.until);
    }
    const { client } = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using _ = client;
    const { serverFeed } = await import('../../cli/tail/server-feed.js');
    const { deviceScope } = await import('../../cli/tail/device-scope.js');
    const feed = serverFeed(client, {
      query: {
        types: types.join(','),
        ...(where !== undefined && { where }),
        ...(flags.since !== undefined && { since: sinceTime(flags.since) }),
      },
      position: cursorOf(flags.cursor),
      lostAfterMs,
      onConnection: (state, reason) => {
        if (state === 'lost') onLost(reason);
      },
    });
    const until = predicate && { predicate, scope: deviceScope(client, where, this.signal) };
    return this.#report(await runTail({ ...request, feed, until }), predicate, status, flags.until);
  }

  async #brokerFeed(
    from: string,
    flags: {
      device?: string[] | undefined;
      'broker-username'?: string | undefined;
      'broker-password-env'?: string | undefined;
      ca?: string | undefined;
      types: readonly ('telemetry' | 'status' | 'rollout' | 'alert')[];
      lostAfterMs: number;
    },
  ): Promise<Feed> {
    const endpoint = parseSource(from);
    if (endpoint.kind !== 'mqtt') {
      throw new OtaError('USAGE', '--from takes a topic of an MQTT broker', ['Write mqtt://HOST/FILTER or mqtts://…']);
    }
    const { brokerFeed } = await import('../../cli/tail/broker-feed.js');
    const variable = flags['broker-password-env'];
    const unreadable = new Set<string>();
    return brokerFeed(endpoint, {
      access: {
        username: flags['broker-username'],
        password: variable === undefined ? undefined : secretOfEnvironment(variable, 'broker-password-env'),
        caFile: flags.ca,
      },
      types: new Set(flags.types),
      devices: new Set(flags.device),
      lostAfterMs: flags.lostAfterMs,
      now: () => systemClock.now(),
      onUnreadable: (topic) => {
        // One line for each topic: a device that sends nothing but text would fill the screen.
        if (unreadable.size >= MAX_WARNED_TOPICS || unreadable.has(topic)) return;
        unreadable.add(topic);
        this.warnUser(`${topic}: a message is no JSON object and is left out`);
      },
    });
  }

  /** Hands over what came together in one piece, so that a quick stream costs few system calls. */
  #printer(asText: boolean, status: StatusLine | undefined): (items: readonly TailItem[]) => Promise<boolean> {
    const text = new TailText(process.stdout);
    return async (items) => {
      if (items.length === 0) return true;
      status?.clear();
      const lines = items.map(({ event, cursor }) =>
        asText ? text.line(event) : jsonText({ ...event, ...(cursor !== undefined && { cursor }) }, 0),
      );
      return await writeOn(process.stdout, `${lines.join('\n')}\n`);
    };
  }

  #report(
    result: TailResult,
    predicate: Predicate | undefined,
    status: StatusLine | undefined,
    until: string | undefined,
  ): object {
    status?.done();
    const { reason, cursor, figures, gaps, events } = result;
    if (gaps > 0) this.warnUser(`${gaps} ${gaps === 1 ? 'gap' : 'gaps'}: some events could not be shown`);
    if (reason === 'interrupted') {
      if (cursor !== undefined) this.note(`To go on here: --cursor ${cursor}`);
      process.exitCode = abortError(this.signal).exitCode;
    }
    if (predicate !== undefined && figures !== undefined) {
      if (reason === 'met') this.note(`${figuresText(predicate, figures)}: met`);
      else if (reason !== 'interrupted') throw notMet(predicate, result, until!);
    }
    return { type: 'finished', reason, events, gaps, ...(cursor && { cursor }), ...(figures && { until: figures }) };
  }
}

const MAX_WARNED_TOPICS = 20;

function notMet(predicate: Predicate, { reason, figures, cursor }: TailResult, until: string): OtaError {
  const why = reason === 'max' ? 'the last event that --max allows' : 'the end of the time that --timeout allows';
  const next = cursor === undefined ? [] : [`Go on waiting with --cursor ${cursor}.`];
  const fact = `${figuresText(predicate, figures!)}, expected ${escapeText(until.slice(predicate.conditionText.length).trim() || 'on any')}`;
  return new OtaError('WAIT_ENDED', `${why} came first: ${fact}`, [
    ...next,
    'Look at one that is missing with `fleet devices list`.',
  ]);
}

function unknownShare(): OtaError {
  return new OtaError(
    'USAGE',
    '--until: a broker does not tell how many devices there are, so no share of them is known',
    ['Write "on N devices", or watch the server.'],
  );
}

function cursorOf(text: string | undefined): StreamPosition | undefined {
  if (text === undefined) return undefined;
  const position = parsePosition(text);
  if (position !== undefined) return position;
  throw new OtaError('USAGE', `--cursor: "${escapeText(text)}" is none`, [
    'It looks like 17-40231, and ends each event.',
  ]);
}

/** `10m` is so long ago; anything else is a time, which the server reads. */
function sinceTime(text: string): string {
  if (/^\d+(\.\d+)? ?[a-z]+$/i.test(text)) {
    return new Date(systemClock.now().getTime() - parseDuration(text)).toISOString();
  }
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw new OtaError('USAGE', `--since: "${escapeText(text)}" is neither a duration nor a time`, [
    'Write 10m, 2h, or a time such as 2027-01-31T12:00:00Z.',
  ]);
}
