import { Command } from '@oclif/core';
import { versionReport, versionText, type VersionReport } from '../../cli/version-report.js';

export default class Version extends Command {
  static override enableJsonFlag = true;
  static override summary = 'Show the version, the Node.js it runs on and the formats it knows.';
  static override description = 'Exits 0.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    { description: 'Read the version in a script:', command: '<%= config.bin %> <%= command.id %> --json' },
  ];

  async run(): Promise<VersionReport> {
    await this.parse(Version);
    const report = versionReport(this.config);
    this.log(versionText(report));
    return report;
  }
}
