import { previousFlag, rootArg } from '../../../cli/edit-root.js';
import { systemClock } from '../../../lib/core/clock.js';
import { readTrustRoot } from '../../../lib/trust/root.js';
import { readPredecessor } from '../../../lib/trust/root-file.js';
import { type RootView, viewRoot } from '../../../lib/trust/root-report.js';
import { BaseCommand } from '../../../lib/ui/base-command.js';
import { rootViewText } from '../../../lib/ui/trust-text.js';

export default class TrustShow extends BaseCommand {
  static override summary = 'Show what a trust root says, who signed it, and what expires when.';

  static override description =
    'Says UNVERIFIED unless the predecessor is at hand and enough keys of both versions signed. ' +
    'The forecast names the devices that can no longer be updated once something expires.\n\n' +
    'Exits 0 also for a draft, 3 when the root is malformed or a signature does not fit, 4 when it is no strict JSON.';

  static override examples = [
    {
      description: 'Show a root and check it against the one before it:',
      command: '<%= config.bin %> <%= command.id %> root.2.json --previous root.1.json',
    },
    {
      description: 'Days until something expires, for a scheduled job:',
      command: "<%= config.bin %> <%= command.id %> root.2.json --json | jq '.forecast[0].daysLeft'",
    },
  ];

  static override args = { root: rootArg };

  static override flags = { previous: previousFlag };

  async run(): Promise<RootView> {
    const { args, flags } = await this.parse(TrustShow);
    const root = await readTrustRoot(args.root);
    const view = viewRoot(root, await readPredecessor(root, flags.previous), systemClock.now());
    this.print(rootViewText(view));
    return view;
  }
}
