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
    const words = firstFlag === -1 ? this.argv : this.argv.slice(0, firstFlag);
    const names = Object.values(readManifest(bin, this.config.root).commands)
      .filter(({ hidden }) => !hidden)
      .map(({ id }) => id.replaceAll(':', ' '));

    const topic = names.some((name) => name.startsWith(`${words[0]} `)) ? [words[0]!] : [];
    const inTopic = names.filter((name) => name.startsWith([...topic, ''].join(' ')));
    const place = [bin, ...topic].join(' ');
    const typed = words[topic.length] ?? this.argv[topic.length];
    const help = `Run \`${place} --help\` to see its commands.`;
    if (typed === undefined || words.length === topic.length) {
      const next = inTopic.map((name) => name.split(' ')[topic.length]);
      throw new OtaError('USAGE', `\`${place}\` needs a command: ${[...new Set(next)].join(', ')}.`, [help]);
    }
    const meant =
      didYouMean(words.slice(0, topic.length + 1).join(' '), inTopic) ?? didYouMean(words.slice(0, 2).join(' '), names);
    throw new OtaError('USAGE', `\`${place}\` has no command \`${escapeText(typed)}\`.`, [
      ...(meant === undefined ? [] : [`Did you mean \`${bin} ${meant}\`?`]),
      help,
    ]);
  }
}
