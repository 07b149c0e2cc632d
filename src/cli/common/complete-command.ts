import { BaseCommand } from '../../lib/ui/base-command.js';
import { completionCandidates } from '../completion/candidates.js';
import { type Executable, readManifest } from '../manifest.js';

/** What completion scripts call; the words after `--` are a command line being typed, nothing to parse. */
export default class Complete extends BaseCommand {
  static override hidden = true;
  static override strict = false;
  static override summary = 'List what may come next on a command line.';

  async run(): Promise<object> {
    const manifest = readManifest(this.config.bin as Executable, this.config.root);
    const candidates = completionCandidates(manifest, this.argv.slice(this.argv.indexOf('--') + 1));
    if (candidates.length > 0) this.print(candidates.map(({ value, summary }) => `${value}\t${summary}`).join('\n'));
    return { candidates };
  }
}
