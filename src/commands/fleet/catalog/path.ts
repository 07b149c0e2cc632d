import { Flags } from '@oclif/core';
import { productFlag } from '../../../cli/catalog-flags.js';
import { fleetSessionFlags, openFleetSession } from '../../../cli/fleet-session.js';
import { EXIT_STATUS } from '../../../lib/core/errors.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { pathText } from '../../../lib/ui/catalog-text.js';
import { type PathAnswer, pathAnswer } from '../../../lib/wire/catalog.js';

export default class CatalogPath extends BaseCommand {
  static override summary = 'Find the cheapest way to a release, step by step, or what stands in its way.';

  static override description =
    'A step is one installation: by delta where one applies to what is installed then, else in full. The way with the fewest ' +
    'bytes is taken, where a detour must save a quarter of the image for every step it adds. On the way to a channel only ' +
    'its own releases are installed. Each step is judged as a device judges it; the device decides.\n\n' +
    'Exits 2 for wrong usage, 5 when there is no way, 7 when the server does not answer, 8 when a version means several ' +
    'releases, 15 when you are not logged in or may not read the catalogue, 16 when there is no such release, channel or ' +
    'device, or nothing is known of what the device runs.';

  static override examples = [
    {
      description: 'How a device gets to what is stable now:',
      command: '<%= config.bin %> <%= command.id %> --from device:hub-1',
    },
    {
      description: 'From any device that runs 1.2.0 to a version:',
      command: '<%= config.bin %> <%= command.id %> --product meter --from 1.2.0 --to 2.0.0 --json',
    },
  ];

  static override flags = {
    from: Flags.string({
      summary: 'Where it begins: a version, a digest, or a device.',
      helpValue: 'VERSION|DIGEST|device:ID',
      required: true,
    }),
    to: Flags.string({
      summary: 'Where it leads: a version, a digest, or the newest of a channel.',
      helpValue: 'VERSION|DIGEST|channel:NAME',
      default: 'channel:stable',
    }),
    product: productFlag,
    ...fleetSessionFlags,
  };

  async run(): Promise<PathAnswer> {
    const { flags } = await this.parse(CatalogPath);
    const { from, to, product } = flags;
    const session = await openFleetSession(flags, { environment: process.env, signal: this.signal });
    await using client = session.client;
    const query = { from, to, product };
    const answer = await client.call('GET', '/api/v1/paths', { query, answer: pathAnswer, signal: this.signal });
    this.print(await pathText(answer));
    if (answer.path.outcome !== 'found') process.exitCode = EXIT_STATUS.BASE_MISMATCH;
    return answer;
  }
}
