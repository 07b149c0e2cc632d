import { deviceArg } from '../../../cli/device-folder.js';
import { openPackageFiles } from '../../../cli/device-packages.js';
import { openNodeMachine, withDeviceLock } from '../../../lib/device/node-machine.js';
import { type RollbackReport, rollbackDevice } from '../../../lib/device/rollback.js';
import { httpPolicyFromEnvironment } from '../../../lib/net/http-policy.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { deviceRollbackText } from '../../../lib/ui/device-text.js';
import { allowTestKeysFlag, dryRunFlag, inputFlag } from '../../../lib/ui/flags.js';

/** What `ota device rollback --json` prints. */
export interface DeviceRollbackReport extends RollbackReport {
  device: string;
  dryRun: boolean;
}

export default class DeviceRollback extends BaseCommand {
  static override summary = 'Return to the newest earlier release that policy allows.';

  static override description =
    'The release that runs must allow it (`ota pack --allow-rollback`); the other must have run here, be signed under ' +
    'the present trust root, and have a security counter that still holds. Its images are taken from the slots, or ' +
    'from packages that you give. A snapshot of the state before is kept, and the earlier release goes on trial ' +
    'like any other: if it is not confirmed, the device comes back to what runs now.\n\n' +
    'Exits 3 or 4 for a package that is not trusted or malformed, 5 when there is nothing to go back to, with the ' +
    'reason for each release, 6 when the device cannot be written, 8 when it is in use or a release is on trial.';

  static override examples = [
    { description: 'Where would it go?', command: '<%= config.bin %> <%= command.id %> hub --dry-run' },
    {
      description: 'To a release whose image is in no slot any more:',
      command: '<%= config.bin %> <%= command.id %> hub --package hub-2.0.0.ota',
    },
  ];

  static override args = { device: deviceArg };

  static override flags = {
    package: inputFlag({
      char: 'p',
      summary: 'Package of an earlier release. Repeatable.',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'allow-test-keys': allowTestKeysFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<DeviceRollbackReport> {
    const { args, flags } = await this.parse(DeviceRollback);
    const { signal, onArrival } = this;
    const dryRun = flags['dry-run'];
    const name = args.device;
    const http = httpPolicyFromEnvironment(process.env);
    await using packages = await openPackageFiles(flags.package ?? [], {
      http,
      stdin: process.stdin,
      onArrival,
      signal,
    });
    const writing = this.progressOnceBegun(dryRun ? 'Applying in memory' : `Writing to ${name}`);
    const rollBack = async (): Promise<DeviceRollbackReport> => {
      await using machine = await openNodeMachine(name);
      const report = await rollbackDevice(machine, {
        name,
        packages: packages.files,
        allowTestKeys: flags['allow-test-keys'],
        dryRun,
        signal,
        onBytes: writing.update,
      });
      return { device: name, dryRun, ...report };
    };
    const report = dryRun ? await rollBack() : await withDeviceLock(name, rollBack, { signal });
    writing.done();
    this.print(deviceRollbackText(report));
    return report;
  }
}
