import { isAbsolute, relative, resolve, sep } from 'node:path';
import { Flags } from '@oclif/core';
import * as z from 'zod/mini';
import { deviceArg } from '../../../cli/device-folder.js';
import { openFactory } from '../../../cli/factory-input.js';
import { OtaError } from '../../../lib/core/errors.js';
import { readBounded } from '../../../lib/core/file-access.js';
import type { ReleaseRecord } from '../../../lib/device/boot-control.js';
import { defaultLayout } from '../../../lib/device/default-layout.js';
import { initNodeDevice } from '../../../lib/device/init-node.js';
import { LAYOUT_MAX_BYTES, type Layout, layoutToJson, parseLayout } from '../../../lib/device/layout.js';
import { httpPolicyFromEnvironment } from '../../../lib/net/http-policy.js';
import { ROOT_MAX_BYTES } from '../../../lib/trust/root.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceInitText } from '../../../lib/ui/device-text.js';
import { allowTestKeysFlag, dryRunFlag, inputFlag } from '../../../lib/ui/flags.js';

/** What `ota device init --json` prints. */
export interface DeviceInitReport {
  device: string;
  dryRun: boolean;
  product: string;
  model: string;
  /** The release that it runs. */
  release: ReleaseRecord;
  /** Where the layout came from; `default`: made to fit the images. */
  layoutFrom: string;
  /** As a layout file has it. */
  layout: ReturnType<typeof layoutToJson>;
}

/** The component that is meant where there is neither a name nor a layout with a single one. */
const DEFAULT_COMPONENT = 'app';

const FACTORY = 'FACTORY RELEASE';
const repeatable = { multiple: true, multipleNonGreedy: true } as const;

export default class DeviceInit extends BaseCommand {
  static override summary = 'Make a device in a folder: slots, boot control, trust root, first release.';

  static override description =
    'The folder is the whole device: only its files survive from one command to the next. It starts with images that ' +
    'it trusts by their hashes, or with a signed package that brings them in full. The layout says how large slots, ' +
    'erase blocks and writes are; without one, two slots with room to grow are made for each image. ' +
    '`--dry-run --json` prints that layout, to be edited.\n\n' +
    'Exits 2 for a wrong layout or option, 3 when the trust root or the package is not trusted, 4 when the package is ' +
    'malformed, 5 when an image does not fit its slot or a component lacks one, 8 when the folder is not empty.';

  static override examples = [
    {
      description: 'A device that runs release 2.0.0:',
      command:
        '<%= config.bin %> <%= command.id %> meter-1 --trust root.json --product meter --model M100 ' +
        '--image meter-2.0.0.bin --version 2.0.0 --sequence 2',
    },
    {
      description: 'Two components in a layout of your own, and a counter that tells when old files are put back:',
      command:
        '<%= config.bin %> <%= command.id %> car --layout layout.json --trust root.json --product car --model C1 ' +
        '--image app=app.bin --image modem=modem.bin --version 6.0.0 --version modem=3.1.0 --sequence 6 ' +
        '--monotonic-counter tpm.counter',
    },
  ];

  static override args = { device: deviceArg };

  static override flags = {
    layout: Flags.file({ char: 'l', summary: 'Layout of its storage (JSON).', helpValue: 'FILE' }),
    trust: Flags.file({ summary: 'Trust root that it starts with.', helpValue: 'FILE', required: true }),
    product: Flags.string({ summary: 'Product that it is.', helpValue: 'NAME', required: true }),
    model: Flags.string({ summary: 'Model that it is.', helpValue: 'NAME', required: true }),
    'hardware-revision': Flags.string({ summary: 'Hardware revision that it is.', helpValue: 'NAME' }),
    'monotonic-counter': Flags.file({
      summary: 'File outside of the folder that stands for a counter which can only rise; made if it is missing.',
      helpValue: 'FILE',
    }),
    'time-floor': Flags.string({
      summary: 'Time that is known to have passed: a date (midnight UTC), or a time in RFC 3339.',
      helpValue: 'WHEN',
    }),
    image: Flags.string({
      ...repeatable,
      char: 'i',
      summary: 'Image that it runs. Repeatable, one for each component.',
      helpValue: '[COMPONENT=]FILE',
      exactlyOne: ['image', 'package'],
      helpGroup: FACTORY,
    }),
    version: Flags.string({
      ...repeatable,
      summary: 'Version of the release; of a component, where that differs.',
      helpValue: '[COMPONENT=]SEMVER',
      exclusive: ['package'],
      helpGroup: FACTORY,
    }),
    sequence: Flags.integer({
      summary: 'Sequence of the release.',
      helpValue: 'N',
      min: 0,
      exclusive: ['package'],
      helpGroup: FACTORY,
    }),
    'security-counter': Flags.integer({
      summary: 'Anti-rollback counter of the release.',
      helpValue: 'N',
      min: 0,
      exclusive: ['package'],
      helpGroup: FACTORY,
    }),
    'allow-rollback': Flags.boolean({
      summary: 'Let it be rolled back from this release to one that it ran before.',
      default: false,
      exclusive: ['package'],
      helpGroup: FACTORY,
    }),
    package: inputFlag({
      char: 'p',
      summary: 'Package to start with, instead of images; it must hold them in full.',
      exactlyOne: ['image', 'package'],
      helpGroup: FACTORY,
    }),
    'allow-test-keys': allowTestKeysFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<DeviceInitReport> {
    const { args, flags } = await this.parse(DeviceInit);
    const { signal, onArrival } = this;
    const { product, model, 'hardware-revision': hardwareRevision, 'dry-run': dryRun } = flags;
    const given = flags.layout === undefined ? undefined : await readLayout(flags.layout);
    const trustRoot = await readBounded(flags.trust, ROOT_MAX_BYTES, 'trust root');
    const timeFloor = timeFloorOf(flags['time-floor']);
    const counter = counterPath(args.device, flags['monotonic-counter']);
    const http = httpPolicyFromEnvironment(process.env);
    await using factory = await openFactory(flags, onlyComponent(given) ?? DEFAULT_COMPONENT, {
      http,
      stdin: process.stdin,
      onArrival,
      signal,
    });
    const layout = given ?? defaultLayout(factory.imageBytes);

    const writing = this.progressOnceBegun('Writing images');
    const release = await initNodeDevice(
      args.device,
      {
        product,
        model,
        ...(hardwareRevision !== undefined && { hardwareRevision }),
        ...(counter !== undefined && { monotonicCounter: counter }),
        ...(timeFloor !== undefined && { timeFloor }),
        layout,
        trustRoot,
        factory: factory.factory,
        allowTestKeys: flags['allow-test-keys'],
      },
      { dryRun, signal, onBytes: writing.update },
    );
    writing.done();
    const layoutFrom = flags.layout ?? 'default';
    const report = {
      device: args.device,
      dryRun,
      product,
      model,
      release,
      layoutFrom,
      layout: layoutToJson(layout),
    };
    this.print(await deviceInitText(report));
    return report;
  }
}

async function readLayout(path: string): Promise<Layout> {
  return parseLayout(await readBounded(path, LAYOUT_MAX_BYTES, 'layout'), path);
}

function onlyComponent(layout: Layout | undefined): string | undefined {
  const components = Object.keys(layout?.components ?? {});
  return components.length === 1 ? components[0] : undefined;
}

/** Relative to the folder, so that both can be moved together; as it is where it was typed in full. */
function counterPath(device: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const fromDevice = relative(resolve(device), resolve(path));
  if (fromDevice !== '..' && !fromDevice.startsWith(`..${sep}`) && !isAbsolute(fromDevice)) {
    throw new OtaError('USAGE', `--monotonic-counter: ${path} lies in the folder of the device`, [
      'Name a file outside of it: whoever puts the folder back must not put the counter back.',
    ]);
  }
  return isAbsolute(path) ? path : fromDevice;
}

/** @throws OtaError USAGE */
function timeFloorOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  if (z.iso.datetime({ offset: true }).safeParse(time).success) return time;
  throw new OtaError('USAGE', `--time-floor: "${text}" is no time`, ['Write 2027-01-31 or 2027-01-31T12:00:00Z.']);
}
