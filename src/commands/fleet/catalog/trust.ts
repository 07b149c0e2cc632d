import { Args } from '@oclif/core';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { canonicalJson } from '../../../lib/core/canonical-json.js';
import { readBounded } from '../../../lib/core/file-access.js';
import { type JsonValue, parseStrictJson } from '../../../lib/core/strict-json.js';
import { parseTrustRoot, ROOT_MAX_BYTES, type TrustRoot } from '../../../lib/trust/root.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import { factsText } from '../../../lib/ui/table.js';
import { rootFile } from '../../../lib/wire/catalog.js';

export default class CatalogTrust extends BaseCommand {
  static override summary = 'Show or set the trust root by which published packages are verified.';

  static override description =
    'The first root is taken as it is; a later one has to be the next version, signed by the keys of the one before ' +
    '(`ota trust rotate`), so that a stolen login cannot make devices trust other keys. Devices have roots of their own: ' +
    'this one only decides what may be published.\n\n' +
    'Exits 2 for wrong usage, 3 when the root is none or does not follow the one before, 6 when the file cannot be read, 7 ' +
    'when the server does not answer, 15 when you may not change it, 16 when there is no such file, or no root yet.';

  static override examples = [
    { description: 'Show it:', command: '<%= config.bin %> <%= command.id %>' },
    { description: 'Set it, or follow a rotation:', command: '<%= config.bin %> <%= command.id %> root.json' },
  ];

  static override args = {
    root: Args.file({ description: 'Trust root made by `ota trust`; without it the present one is shown.' }),
  };

  static override flags = { 'dry-run': dryRunFlag, ...fleetSessionFlags };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(CatalogTrust);
    const { signal } = this;
    const path = '/api/v1/trust-root';
    // Before anything is sent: a file that is no root is known here by its name.
    const bytes = args.root === undefined ? undefined : await readBounded(args.root, ROOT_MAX_BYTES, 'trust root');
    const given = bytes && parseTrustRoot(bytes, args.root!);
    const session = await openFleetSession(flags, { environment: process.env, signal });
    await using client = session.client;
    if (bytes === undefined || given === undefined) {
      const root = await client.call('GET', path, { answer: rootFile, signal });
      this.print(rootText(parseTrustRoot(canonicalJson(root as JsonValue), 'trust root of the server')));
      return { root };
    }
    const json = parseStrictJson(bytes, { name: args.root!, maxBytes: ROOT_MAX_BYTES });
    if (flags['dry-run']) this.note(`Would set version ${given.signed.version} at ${client.server}`);
    else await client.call('PUT', path, { json, answer: rootFile, signal });
    this.print(rootText(given));
    return { isDryRun: flags['dry-run'], root: json };
  }
}

function rootText({ signed }: TrustRoot): string {
  const { version, expiresAt, roles } = signed;
  return factsText([
    ['version', version],
    ['expires', expiresAt],
    ...Object.entries(roles).map(([name, role]) => [name, `${role.threshold} of ${role.keyids.length} keys`] as const),
  ]);
}
