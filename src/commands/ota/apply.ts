import { Args, Flags } from '@oclif/core';
import type { DeviceApplyReport } from '../../cli/apply-to-device.js';
import { isDeviceFolder } from '../../cli/device-folder.js';
import { baseFlag, noFullFallbackFlag } from '../../cli/package-flags.js';
import { trustAnchorSpec, trustFlags } from '../../cli/trust-flags.js';
import { systemClock } from '../../lib/core/clock.js';
import { OtaError } from '../../lib/core/errors.js';
import { keepYoungHeapSmall } from '../../lib/core/young-heap.js';
import { httpPolicyFromEnvironment } from '../../lib/net/http-policy.js';
import { type AppliedComponent, applyPackage } from '../../lib/package/apply.js';
import { byComponent } from '../../lib/package/component-spec.js';
import { readDeviceState } from '../../lib/package/device-state.js';
import { onlyComponent, openImages } from '../../lib/package/open-images.js';
import { openAuthenticPackage } from '../../lib/package/open-package.js';
import { timeOf } from '../../lib/package/policy-checks.js';
import { openTrustAnchor } from '../../lib/package/trust-anchor.js';
import { requirePolicy } from '../../lib/package/verify.js';
import { targetBytesOf } from '../../lib/package/verify-report.js';
import { BaseCommand } from '../../lib/ui/base-command.js';
import { dryRunFlag, forceFlag } from '../../lib/ui/flags.js';
import { applyText } from '../../lib/ui/package-text.js';

/** What `ota apply --json` prints. */
interface ApplyReport {
  package: string;
  digest: string;
  version: string;
  dryRun: boolean;
  applied: AppliedComponent[];
}

export default class Apply extends BaseCommand {
  static override summary = 'Make the new image from a package and the old one, or install it on a device.';

  static override description =
    'Verifies the package as `ota verify` does, then applies the delta that fits the base, or the full image. ' +
    'The output appears complete and with the signed hash, or not at all; of several components all appear or none.\n\n' +
    'With --device DIR, a device that `ota device init` made, it installs: judged by what the device trusts, written ' +
    'into slots that do not run, read back, and put on trial at the very end. Until then the device boots what it ' +
    'booted before; after an interruption, type the same again. From an address the package is downloaded into the ' +
    'device, and goes on where it stopped.\n\n' +
    'Exits 3 when too few trusted keys signed the package, 4 when it is malformed or does not make the signed ' +
    'image, 5 when policy refuses it or no payload fits the base, 6 when the output or the device cannot be written, ' +
    '7 when a download fails, 8 when the output exists, the device is in use or a release on it is not confirmed yet, ' +
    '9 when a limit is exceeded.';

  static override examples = [
    {
      description: 'Make the image of release 2.1 from that of 2.0:',
      command: '<%= config.bin %> <%= command.id %> app-2.1.ota --key release.pub --base app-2.0.bin --out app-2.1.bin',
    },
    {
      description: 'Two components, checked without writing:',
      command:
        '<%= config.bin %> <%= command.id %> car-7.ota --trust root.json --base app=app-6.bin --base modem=modem-6.bin ' +
        '--out app=app-7.bin --out modem=modem-7.bin --dry-run',
    },
    {
      description: 'Install on a device, from an address:',
      command: '<%= config.bin %> <%= command.id %> https://releases.example.com/app-2.1.ota --device meter-1',
    },
  ];

  static override args = {
    package: Args.string({ description: 'Package: a path, - for stdin, or an http(s) address.', required: true }),
  };

  static override flags = {
    ...trustFlags,
    base: baseFlag({ summary: 'Installed image. Repeatable, one for each component.' }),
    out: Flags.string({
      char: 'o',
      summary: 'Where the new image goes. Repeatable, one for each component.',
      helpValue: '[COMPONENT=]FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    device: Flags.file({
      char: 'd',
      summary: 'Device to install on (folder), or device state to judge the package by (JSON).',
      helpValue: 'DIR|FILE',
    }),
    'no-full-fallback': noFullFallbackFlag,
    force: forceFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<ApplyReport | DeviceApplyReport> {
    const { args, flags } = await this.parse(Apply);
    const { signal, onArrival } = this;
    if (flags.device !== undefined && (await isDeviceFolder(flags.device))) {
      const misplaced = MEANINGLESS_ON_A_DEVICE.find((name) => this.isTyped(name, flags[name]));
      if (misplaced !== undefined) throw meaninglessOn(flags.device, misplaced);
      return this.#install(args.package, flags.device, flags);
    }
    // Read first: a device whose name was mistyped must not be answered with a word about --out.
    const device = flags.device === undefined ? undefined : await readDeviceState(flags.device);
    if (flags.out === undefined) throw outMissing();
    const input = { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal };
    const noFullFallback = flags['no-full-fallback'];
    const dryRun = flags['dry-run'];

    const anchor = await openTrustAnchor(trustAnchorSpec(flags));
    const time = { now: timeOf(systemClock.now(), device), allowTestKeys: flags['allow-test-keys'] };
    await using file = await openAuthenticPackage(args.package, { ...input, ...time, anchor });
    const { pkg } = file;
    requirePolicy(pkg, { now: time.now, device, noFullFallback });

    await using bases = await openImages(flags.base ?? [], pkg.metadata, input);
    keepYoungHeapSmall();
    const applying = this.progress(dryRun ? 'Applying in memory' : 'Applying', {
      totalBytes: targetBytesOf(pkg.metadata),
    });
    const applied = await applyPackage({
      pkg,
      bases: bases.images,
      outputs: byComponent(flags.out, onlyComponent(pkg.metadata), '--out'),
      noFullFallback,
      force: flags.force,
      dryRun,
      signal,
      onBytes: applying.update,
    });
    applying.done();
    for (const { component, fullFallback } of applied) {
      if (fullFallback) this.warnUser(`component ${component}: no delta fits its base, so the full image was used`);
    }
    const report = { package: pkg.name, digest: pkg.digest, version: pkg.metadata.version, dryRun, applied };
    this.print(applyText(report));
    return report;
  }

  async #install(
    spec: string,
    device: string,
    flags: { 'allow-test-keys': boolean; 'no-full-fallback': boolean; 'dry-run': boolean },
  ): Promise<DeviceApplyReport> {
    const { signal, onArrival } = this;
    keepYoungHeapSmall();
    // Loaded here: most runs make files, and start without all that a device is.
    const { applyToDevice, deviceApplyText } = await import('../../cli/apply-to-device.js');
    const installing = this.progressOnceBegun(flags['dry-run'] ? 'Applying in memory' : `Installing on ${device}`);
    const report = await applyToDevice(spec, device, {
      noFullFallback: flags['no-full-fallback'],
      allowTestKeys: flags['allow-test-keys'],
      dryRun: flags['dry-run'],
      input: { http: httpPolicyFromEnvironment(process.env), stdin: process.stdin, onArrival, signal },
      onBytes: installing.update,
    });
    installing.done();
    for (const { component, fullFallback } of report.components) {
      if (fullFallback) this.warnUser(`component ${component}: no delta fits its base, so the full image was used`);
    }
    this.print(deviceApplyText(report));
    return report;
  }
}

/** What a device decides itself: whom to trust, what to apply a delta to, where the image goes. */
const MEANINGLESS_ON_A_DEVICE = ['key', 'threshold', 'trust', 'product', 'base', 'out', 'force'] as const;

function meaninglessOn(device: string, flag: string): OtaError {
  return new OtaError(
    'USAGE',
    `--${flag}: ${device} is a device, which knows itself what it trusts and has installed`,
    [`Leave out --${flag}.`],
  );
}

function outMissing(): OtaError {
  return new OtaError('USAGE', '--out is missing', [
    'Add --out FILE for the new image, or --device DIR to install on a device.',
  ]);
}
