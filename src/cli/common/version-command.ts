import { BaseCommand } from '../../lib/ui/base-command.js';
import { type VersionReport, versionReport, versionText } from '../version-report.js';

export default class Version extends BaseCommand {
  static override summary = 'Show the version, the Node.js it runs on and the formats it knows.';
  static override description = 'Exits 0.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    { description: 'Read it in a script:', command: '<%= config.bin %> <%= command.id %> --json' },
  ];

  async run(): Promise<VersionReport> {
    await this.parse(Version);
    const report = versionReport(this.config);
    this.print(versionText(report));
    return report;
  }
}
