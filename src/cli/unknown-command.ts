import { didYouMean } from '../lib/core/did-you-mean.js';
import { OtaError } from '../lib/core/errors.js';
import { escapeText } from '../lib/core/text.js';
import { BaseCommand } from '../lib/ui/base-command.js';
import { type Executable, readManifest } from './manifest.js';

/** Stands in for a command that does not exist, so that its refusal looks like any other, also under --json. */
export class UnknownCommand extends BaseCommand {
  static override strict = false;
  static override id = '';

  async run(): Promise<never> {
    const bin = this.config.bin as Executable;
    const firstFlag = this.argv.findIndex((word) => word.startsWith('-'));
    const words = this.argv.slice(0, firstFlag === -1 ? this.argv.length : firstFlag);
    const { commands } = readManifest(bin, this.config.root);
    const names = Object.values(commands)
      .filter(({ hidden }) => !hidden)
      .map(({ id }) => id.replaceAll(':', ' '));
    const typed = words.join(' ');
    // `ota keys`: a topic is not a command of its own
    const inTopic = names.filter((name) => name.startsWith(`${typed} `));
    if (typed !== '' && inTopic.length > 0) {
      throw new OtaError(
        'USAGE',
        `\`${bin} ${typed}\` needs a command: ${inTopic.map((name) => name.slice(typed.length + 1)).join(', ')}.`,
        [`Run \`${bin} ${typed} --help\` to see what each does.`],
      );
    }
    const meant = didYouMean(words.slice(0, 2).join(' '), names) ?? didYouMean(words[0] ?? '', names);
    throw new OtaError('USAGE', `\`${bin}\` has no command \`${escapeText(this.argv[0] ?? '')}\`.`, [
      ...(meant === undefined ? [] : [`Did you mean \`${bin} ${meant}\`?`]),
      `Run \`${bin} --help\` to see its commands.`,
    ]);
  }
}
