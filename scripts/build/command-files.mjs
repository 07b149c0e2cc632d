import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Help is rendered once: at the width and with the styles of an ordinary terminal.
process.env.OCLIF_COLUMNS = '80';
process.env.FORCE_COLOR = '1';
delete process.env.NO_COLOR;
const { Config, Help } = await import('@oclif/core');

/** Writes, for each executable, its command manifest and its help pages by the words that lead to them. */
export async function writeCommandFiles({ root, pjson, out }) {
  const executables = JSON.parse(readFileSync(join(root, 'src/cli/executables.json'), 'utf8'));
  for (const [executable, about] of Object.entries(executables)) {
    const config = await Config.load({
      root: out,
      ignoreManifest: true,
      pjson: {
        ...pjson,
        oclif: { ...about, bin: executable, commands: `./commands/${executable}`, topicSeparator: ' ' },
      },
    });
    const missing = globSync('**/*.js', { cwd: join(out, 'commands', executable) }).length - config.commandIDs.length;
    if (missing > 0)
      throw new Error(`${executable}: ${missing} command files could not be loaded, see the warnings above`);
    config.userAgent = `${pjson.name}/${pjson.version}`; // the root page shows it; the platform is the user's, not ours
    const manifest = { version: pjson.version, commands: manifestCommands(config), topics: topicSummaries(config) };
    writeFileSync(join(out, `${executable}.manifest.json`), JSON.stringify(manifest));
    writeFileSync(join(out, `${executable}.help.json`), JSON.stringify(await helpPages(config)));
  }
}

function topicSummaries(config) {
  return Object.fromEntries(config.topics.map(({ name, description = '' }) => [name, description]));
}

function manifestCommands(config) {
  const known = config.commands.filter(({ id, aliases }) => !aliases?.includes(id));
  return Object.fromEntries(
    known.map((command) => {
      const { load, pluginAlias, pluginName, pluginType, isESM, relativePath, strict, hiddenAliases, ...rest } =
        command;
      return [command.id, rest];
    }),
  );
}

/** By the words that lead to them: the root page is the topic ''. */
async function helpPages(config) {
  const pages = { topics: { '': await helpPage(config, (help) => help.showRootHelp()) }, commands: {} };
  for (const { name } of config.topics) {
    const show = (help) => help.showTopicHelp(help.config.topics.find((topic) => topic.name === name));
    pages.topics[name.replaceAll(':', ' ')] = await helpPage(config, show);
  }
  for (const { id, hidden } of config.commands) {
    const show = (help) => help.showCommandHelp(help.config.commands.find((command) => command.id === id));
    if (!hidden) pages.commands[id.replaceAll(':', ' ')] = await helpPage(config, show);
  }
  return pages;
}

async function helpPage(config, show) {
  const lines = [];
  const help = new (class extends Help {
    log(...parts) {
      lines.push(parts.join(' '));
    }
  })(withCopies(config), {});
  await show(help);
  return `${lines.join('\n').trim()}\n`;
}

/** Help rewrites the ids it shows, so each page works on copies. */
function withCopies(config) {
  return new Proxy(config, {
    get(target, property) {
      const value = Reflect.get(target, property);
      return property === 'commands' || property === 'topics' ? value.map((entry) => ({ ...entry })) : value;
    },
  });
}
