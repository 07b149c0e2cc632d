import { Flags } from '@oclif/core';
import { trustFlags } from '../../cli/trust-flags.js';
import { abortError } from '../../lib/core/abort.js';
import { parseDuration } from '../../lib/core/duration.js';
import type { SwarmEvent } from '../../lib/swarm/swarm-report.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import type { StatusLine } from '../../lib/ui/status-line.js';

const durationFlag = Flags.custom<number>({ helpValue: 'TIME', parse: async (input) => parseDuration(input) });

export default class Simulate extends BaseCommand {
  static override isStream = true;

  static override summary = 'Run a swarm of virtual devices against a fleet server.';

  static override description =
    "Each device polls over hawkBit's device API, downloads what it is offered, verifies packages by the keys you name, " +
    'applies them, restarts and reports; a profile says which models and versions there are and what goes wrong how ' +
    'often. The server may be `fleet serve`, Eclipse hawkBit, or another one that speaks that API. The same seed gives ' +
    'each device the same fate. docs/guides/simulate-fleet.md describes profiles.\n\n' +
    'It runs until Ctrl-C, for --duration, or until nothing was left to do for --until-idle. --json prints events, one ' +
    'a line: registered, started, update, progress, finished, error.\n\n' +
    'Exits 0 whatever becomes of the updates, 2 for wrong usage or a wrong profile, 7 when the server does not answer ' +
    'or serves none of the devices, 15 when it refuses the operator or all devices, 130 when interrupted.';

  static override examples = [
    {
      description: 'A thousand devices that a server on this machine learns to know, until all updates are done:',
      command:
        '<%= config.bin %> <%= command.id %> --devices 1000 --register --key release.pub --product meter --model M100 --until-idle 30s',
    },
    {
      description: 'Against a hawkBit, with a profile of what goes wrong, for ten minutes:',
      command:
        '<%= config.bin %> <%= command.id %> --devices 5000 --server https://hawkbit.example.com --gateway-token-env GATEWAY_TOKEN --profile bad-build.json --duration 10m --json',
    },
  ];

  static override flags = {
    devices: Flags.integer({
      char: 'n',
      summary: 'How many devices.',
      helpValue: 'N',
      default: 100,
      min: 1,
      max: 100_000,
    }),
    server: Flags.string({
      summary: 'Address of the server; by default that of the current login, else http://127.0.0.1:8080.',
      helpValue: 'URL',
    }),
    tenant: Flags.string({ summary: 'Tenant of the devices.', helpValue: 'NAME', default: 'DEFAULT' }),
    profile: Flags.file({
      summary: 'What the devices are and how they behave, JSON.',
      helpValue: 'FILE',
      helpGroup: 'DEVICES',
    }),
    model: Flags.string({ summary: 'Model of all devices, instead of those in the profile.', helpGroup: 'DEVICES' }),
    seed: Flags.integer({
      summary: 'Decides the fate of each device.',
      helpValue: 'N',
      default: 1,
      helpGroup: 'DEVICES',
    }),
    prefix: Flags.string({
      summary: 'What the names of devices begin with.',
      helpValue: 'TEXT',
      default: 'sim-',
      helpGroup: 'DEVICES',
    }),
    register: Flags.boolean({
      summary: 'Create the devices first, as the current login; those that exist get new tokens.',
      default: false,
      exclusive: ['gateway-token-env', 'tokens-file'],
      helpGroup: 'ACCESS',
    }),
    'tokens-file': Flags.file({
      summary: 'Devices with their tokens, JSON: {"DEVICE":"TOKEN"}; the first ones of it make the swarm.',
      helpValue: 'FILE',
      exclusive: ['register', 'gateway-token-env'],
      helpGroup: 'ACCESS',
    }),
    'gateway-token-env': Flags.string({
      summary: 'Name of the environment variable that holds a gateway token.',
      helpValue: 'NAME',
      exclusive: ['register', 'tokens-file'],
      helpGroup: 'ACCESS',
    }),
    'token-env': Flags.string({
      summary: 'Name of the environment variable that holds the token of an operator, instead of the login.',
      helpValue: 'NAME',
      exclusive: ['username', 'password-env'],
      helpGroup: 'ACCESS',
    }),
    username: Flags.string({
      summary: 'User name of an operator.',
      helpValue: 'NAME',
      dependsOn: ['password-env'],
      helpGroup: 'ACCESS',
    }),
    'password-env': Flags.string({
      summary: 'Name of the environment variable that holds the password.',
      helpValue: 'NAME',
      dependsOn: ['username'],
      helpGroup: 'ACCESS',
    }),
    ...trustFlags,
    product: Flags.string({
      summary: 'Product of the devices, and the only one that the keys may sign for.',
      helpValue: 'NAME',
      helpGroup: 'DEVICES',
    }),
    verify: Flags.option({
      summary: 'Verify and apply a package once for all devices with the same base, or by each device.',
      options: ['once', 'each'] as const,
      default: 'once',
    })(),
    telemetry: Flags.option({
      summary: 'How devices send telemetry, which hawkBit itself does not take.',
      options: ['none', 'http', 'mqtt'] as const,
      default: 'none',
      helpGroup: 'TELEMETRY',
    })(),
    mqtt: Flags.string({
      summary: 'Address of the broker [default: port 1883, or 8883 over TLS, of the server].',
      helpValue: 'URL',
      helpGroup: 'TELEMETRY',
    }),
    'mqtt-connections': Flags.integer({
      summary: 'Devices with a connection to the broker; the others send over HTTP.',
      helpValue: 'N',
      default: 1000,
      min: 1,
      helpGroup: 'TELEMETRY',
    }),
    connections: Flags.integer({
      summary: 'Requests at the same time.',
      helpValue: 'N',
      default: 256,
      min: 1,
      max: 10_000,
      helpGroup: 'LOAD',
    }),
    downloads: Flags.integer({
      summary: 'Downloads at the same time.',
      helpValue: 'N',
      default: 256,
      min: 1,
      max: 10_000,
      helpGroup: 'LOAD',
    }),
    'until-idle': durationFlag({ summary: 'End when no device has had anything to do for so long.' }),
    duration: durationFlag({ summary: 'End after so long.' }),
    patience: durationFlag({
      summary: 'Give up when no device has had an answer for so long.',
      default: 120_000,
      defaultHelp: async () => '2min',
    }),
  };

  async run(): Promise<{ type: string }> {
    const { flags } = await this.parse(Simulate);
    const { swarmOptions } = await import('../../cli/swarm-options.js');
    const options = await swarmOptions(flags);
    const { runSwarm } = await import('../../lib/swarm/run-swarm.js');
    const text = await import('../../lib/ui/swarm-text.js');
    const status = this.statusLine();
    const report = await runSwarm({
      ...options,
      signal: this.signal,
      onEvent: (event) => this.#tell(event, status, text),
    });
    status.done();
    if (report.isInterrupted) process.exitCode = abortError(this.signal).exitCode;
    this.print(await text.swarmText(report));
    return { type: 'finished', ...report };
  }

  #tell(event: SwarmEvent, status: StatusLine, text: typeof import('../../lib/ui/swarm-text.js')): void {
    const { type, ...fields } = event;
    void this.event(type, fields);
    if (event.type === 'registered') status.update(`Registering: ${event.devices} of ${event.total} devices`);
    else if (event.type === 'started') this.note(`${event.devices} devices at ${event.server}, seed ${event.seed}`);
    else if (event.type === 'progress') status.update(text.swarmProgressText(event));
  }
}
