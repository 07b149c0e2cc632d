import { Flags } from '@oclif/core';
import { brokerFlags, brokerOptions } from '../../cli/serve/broker-options.js';
import { databaseAddress } from '../../cli/serve/database-address.js';
import { type LogLevel, serverLog } from '../../cli/serve/server-log.js';
import { abortError } from '../../lib/core/abort.js';
import { systemClock } from '../../lib/core/clock.js';
import { parseEgressOrigin } from '../../lib/server/egress-origin.js';
import { parseListenAddress } from '../../lib/server/listen-address.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { byteSizeFlag } from '../../lib/ui/flags.js';

export default class Serve extends BaseCommand {
  static override isStream = true;

  static override summary = 'Run a fleet server: devices, updates, rollouts and telemetry in one process.';

  static override description =
    "Devices poll it over hawkBit's device API (DDI), so SWUpdate, RAUC's updater, Zephyr and other hawkBit clients " +
    "work unchanged; tools use hawkBit's Management API or the server's own. Telemetry comes over MQTT and HTTP. " +
    'Everything lies in one folder: a database, artifacts, telemetry. With --db several servers share a PostgreSQL ' +
    'database instead.\n\n' +
    'The first start makes a token for the administrator and writes it to DATA/admin-token; on a terminal it is shown ' +
    'once. `fleet login` takes it. Without --http and --mqtt only this machine can connect. Ctrl-C stops when the ' +
    'requests under way are answered.\n\n' +
    'Exits 2 for wrong usage or TLS files that do not fit, 4 for damaged state, 6 when the folder cannot be written, ' +
    '7 when a port is taken or the database does not answer, 8 while another server uses the folder, 15 when the ' +
    'database refuses the login, 130 after Ctrl-C, 143 after SIGTERM.';

  static override examples = [
    {
      description: 'A first fleet on this machine, everything below ./fleet-data:',
      command: '<%= config.bin %> <%= command.id %>',
    },
    {
      description: 'For devices elsewhere, over TLS:',
      command:
        '<%= config.bin %> <%= command.id %> --data /var/lib/fleet --http :8443 --mqtt :8883 --tls-cert server.pem --tls-key server.key',
    },
    {
      description: 'One of several servers over one database and one shared folder:',
      command:
        '<%= config.bin %> <%= command.id %> --data /srv/fleet --http :8080 --mqtt off --db postgres://fleet@db/fleet --db-password-env DB_PASSWORD',
    },
  ];

  static override flags = {
    data: Flags.directory({
      summary: 'Folder for everything the server keeps.',
      helpValue: 'DIR',
      default: 'fleet-data',
    }),
    http: Flags.string({
      summary: 'Where to listen for HTTP; :8080 for every address of this machine.',
      helpValue: 'HOST:PORT',
      default: '127.0.0.1:8080',
    }),
    'public-url': Flags.url({
      summary: 'Where devices find the server when a proxy stands before it; links in its answers begin with it.',
      helpValue: 'URL',
    }),
    'tls-cert': Flags.file({
      summary: 'Certificate chain, PEM: serve over TLS.',
      helpValue: 'FILE',
      dependsOn: ['tls-key'],
    }),
    'tls-key': Flags.file({
      summary: 'Private key of the certificate, PEM.',
      helpValue: 'FILE',
      dependsOn: ['tls-cert'],
    }),
    'client-ca': Flags.file({
      summary: 'Authorities of device certificates, PEM: their common name is the device.',
      helpValue: 'FILE',
      dependsOn: ['tls-cert'],
    }),
    db: Flags.string({ summary: 'Use this PostgreSQL database.', helpValue: 'postgres://USER@HOST/DB' }),
    'db-password-env': Flags.string({
      summary: 'Name of the environment variable that holds the password of the database.',
      helpValue: 'NAME',
      dependsOn: ['db'],
    }),
    'max-artifact': byteSizeFlag({
      summary: 'Largest artifact that may be uploaded.',
      default: 1024 ** 3,
      defaultHelp: async () => '1GiB',
    }),
    'max-telemetry': byteSizeFlag({
      summary: 'Room for telemetry on the disk; beyond it the oldest goes.',
      default: 1024 ** 3,
      defaultHelp: async () => '1GiB',
    }),
    'allow-egress': Flags.string({
      summary:
        'Origin that plans of rollouts may have the server ask, such as https://metrics.example; may be repeated.',
      helpValue: 'ORIGIN',
      multiple: true,
    }),
    ...brokerFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Serve);
    const http = parseListenAddress(flags.http);
    const mqtt = await brokerOptions(flags);
    const egressOrigins = flags['allow-egress']?.map(parseEgressOrigin) ?? [];
    const postgres = databaseAddress(flags.db, flags['db-password-env']);
    const { readTlsFiles } = await import('../../lib/server/tls-files.js');
    const tls =
      flags['tls-cert'] === undefined
        ? undefined
        : await readTlsFiles({
            cert: flags['tls-cert'],
            key: flags['tls-key']!,
            ...(flags['client-ca'] && { clientCa: flags['client-ca'] }),
          });
    const { startServer } = await import('../../lib/server/server.js');
    const server = await startServer({
      dataDirectory: flags.data,
      http,
      mqtt,
      tls,
      postgres,
      settings: {
        version: this.config.version,
        scryptCost: 2 ** 17,
        maxArtifactBytes: flags['max-artifact'],
        maxTelemetryBytes: flags['max-telemetry'],
        egressOrigins,
        ...(flags['public-url'] && { publicUrl: flags['public-url'].href.replace(/\/+$/, '') }),
      },
      clock: systemClock,
      log: serverLog((level, message, fields) => this.#tell(level, message, fields)),
      isTimed: true,
    });
    const { url, mqttUrl, firstStart } = server;
    await this.event('started', {
      http: url,
      ...(mqttUrl && { mqtt: mqttUrl }),
      data: flags.data,
      ...(firstStart && { tokenFile: firstStart.tokenFile }),
    });
    const addresses = mqttUrl === undefined ? url : `${url} and ${mqttUrl}`;
    this.note(`Serving ${addresses}, keeping everything in ${flags.data}`);
    if (firstStart !== undefined) this.#welcome(firstStart, url);
    await new Promise((stopped) => this.signal.addEventListener('abort', stopped, { once: true }));
    this.note('Stopping: no new requests, those under way are answered');
    await server.stop();
    process.exitCode = abortError(this.signal).exitCode;
    return { type: 'stopped', http: url };
  }

  /** The token is shown where a person sits: logs are kept and read by many. */
  #welcome({ adminToken, tokenFile }: { adminToken: string; tokenFile: string }, url: string): void {
    if (process.stderr.isTTY && !this.jsonEnabled()) {
      process.stderr.write(`Token of the administrator, shown this once: ${adminToken}\n`);
    }
    this.note(`It is in ${tokenFile}, for its owner only`);
    this.note(`Next: fleet login ${url} --token-stdin < ${tokenFile}`);
  }

  #tell(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    void this.event('log', { level, message, ...fields });
    const details = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
    const line = [message, ...details].join(' ');
    if (level === 'info') this.note(line);
    else this.warnUser(line);
  }
}
