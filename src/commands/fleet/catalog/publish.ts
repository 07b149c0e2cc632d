import { basename } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { olderFlag } from '../../../cli/catalog-flags.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { trustAnchorSpec, trustFlags } from '../../../cli/trust-flags.js';
import { systemClock } from '../../../lib/core/clock.js';
import { OtaError } from '../../../lib/core/errors.js';
import { knownRelease, publishPackage } from '../../../lib/fleet-api/catalog.js';
import { httpPolicyFromEnvironment } from '../../../lib/net/http-policy.js';
import { inspectContainer } from '../../../lib/package/inspect.js';
import { type OpenPackage, openAuthenticPackage, openPackage } from '../../../lib/package/open-package.js';
import { openTrustAnchor } from '../../../lib/package/trust-anchor.js';
import { requirePolicy, verifyPayloads } from '../../../lib/package/verify.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { publicationText } from '../../../lib/ui/catalog-text.js';
import { dryRunFlag } from '../../../lib/ui/flags.js';
import type { Publication } from '../../../lib/wire/catalog.js';

export default class CatalogPublish extends BaseCommand {
  static override summary = 'Publish a signed package, so that devices can be given it.';

  static override description =
    "The server verifies the package under the tenant's trust root (see `fleet catalog trust`), cuts it for its devices, " +
    'and makes the distribution set that devices and rollouts are assigned. Without --channel whoever follows a channel does ' +
    'not get it yet. Publishing the same package again changes nothing and ends with 0, so a pipeline may be run again. With ' +
    '--trust or --key it is verified here too, before anything is sent.\n\n' +
    'Exits 2 for wrong usage, 3 when its signatures do not count, 4 when it is malformed, 5 when another release of the ' +
    'product has its sequence or it has expired, 7 when the server does not answer, 8 when its version is taken, it was ' +
    'withdrawn, or a channel has a newer one, 9 when it is too large, 15 when you may not publish, 16 when there is no such ' +
    'file or channel.';

  static override examples = [
    {
      description: 'Publish to everybody who follows the channel stable:',
      command: '<%= config.bin %> <%= command.id %> meter-2.1.0.ota --channel stable',
    },
    {
      description: 'In a pipeline, verified before it leaves the machine:',
      command:
        '<%= config.bin %> <%= command.id %> meter-2.1.0.ota --trust root.json --channel beta --server https://fleet.example.com --token-env FLEET_TOKEN --json',
    },
  ];

  static override args = {
    package: Args.string({ description: 'Package: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    channel: Flags.string({
      summary: 'Channel to put it in. Repeatable.',
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
    }),
    older: olderFlag,
    'dry-run': dryRunFlag,
    ...trustFlags,
    ...fleetSessionFlags,
  };

  async run(): Promise<Publication> {
    const { args, flags } = await this.parse(CatalogPublish);
    const { signal } = this;
    const channels = [...new Set(flags.channel)];
    await using file = await this.#open(args.package, flags);
    const { digest, metadata } = inspectContainer(file.container);
    const session = await openFleetSession(flags, { environment: process.env, signal });
    await using client = session.client;
    const known = await knownRelease(client, digest, signal);
    const isIn = new Set(known?.channels.map(({ name }) => name));
    const result: Publication =
      known?.yanked === null && channels.every((channel) => isIn.has(channel))
        ? { isDryRun: flags['dry-run'], published: false, entered: [], release: known }
        : await this.#publish(client, file, {
            filename: filenameOf(args.package, metadata),
            channels,
            allowsOlder: flags.older,
            isDryRun: flags['dry-run'],
          });
    this.print(await publicationText(result));
    return result;
  }

  async #publish(
    client: Parameters<typeof publishPackage>[0],
    file: OpenPackage,
    options: Pick<Parameters<typeof publishPackage>[1], 'filename' | 'channels' | 'allowsOlder' | 'isDryRun'>,
  ): Promise<Publication> {
    const sending = this.progress('Publishing', { totalBytes: file.size });
    const { signal } = this;
    const result = await publishPackage(client, { ...options, file: file.data, onBytes: sending.update, signal });
    sending.done();
    return result;
  }

  /** Verified where somebody says by what. */
  async #open(
    spec: string,
    flags: Parameters<typeof trustAnchorSpec>[0] & { 'allow-test-keys': boolean },
  ): Promise<OpenPackage> {
    const { signal, onArrival } = this;
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    if (flags.trust === undefined && flags.key === undefined) {
      if (flags.threshold === undefined) return openPackage(spec, input);
      throw new OtaError('USAGE', '--threshold counts keys, and none is named', ['Add --key.']);
    }
    const now = systemClock.now();
    const anchor = await openTrustAnchor(trustAnchorSpec(flags));
    const file = await openAuthenticPackage(spec, { ...input, now, anchor, allowTestKeys: flags['allow-test-keys'] });
    try {
      requirePolicy(file.pkg, { now });
      const checking = this.progress('Checking payloads', { totalBytes: file.size });
      await verifyPayloads(file.pkg.payloads, { signal, onBytes: checking.update });
      checking.done();
      return file;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }
}

/** What the artifact is called on the server. */
function filenameOf(spec: string, { product, version }: { product: string; version: string }): string {
  return spec === '-' || /^https?:/.test(spec) ? `${product}-${version}.ota` : basename(spec);
}
