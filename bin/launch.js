// Runs under a supported Node only. What needs no command (version, help) is answered from files
// rendered at build time; everything else imports one bundled command.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const nodeModule = require('node:module');
const { stripVTControlCharacters } = require('node:util');

module.exports = function launch(executable, root, argv) {
  const dist = path.join(root, 'dist');
  const readJson = (name) => JSON.parse(fs.readFileSync(path.join(dist, name), 'utf8'));
  if (!fs.existsSync(path.join(dist, 'cli', 'dispatch.js'))) {
    process.stderr.write(`${executable} is not built; run \`npm run build\` first.\n`);
    process.exitCode = 2;
    return;
  }

  let answer;
  let words = argv;
  if (argv.length === 1 && argv[0] === '--version') answer = versionLine(readJson('version.json'));
  else if (asksForHelp(argv)) {
    words = argv[0] === 'help' ? argv.slice(1) : argv;
    answer = helpPage(words, readJson(`${executable}.help.json`));
  } else if (argv[0] === '--version') words = ['version', ...argv.slice(1)];
  if (answer !== undefined) {
    print(answer);
    return;
  }

  enableCompileCache();
  require(path.join(dist, 'cli', 'dispatch.js')).dispatch(executable, root, words);
};

function versionLine({ name, version }) {
  return `${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`;
}

function asksForHelp(argv) {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  return argv.length === 0 || argv[0] === 'help' || flags.includes('--help') || flags.includes('-h');
}

/** The page of the command that begins `argv`, or of the topic that is all of it; undefined when there is none. */
function helpPage(argv, { topics, commands }) {
  const firstFlag = argv.findIndex((word) => word.startsWith('-'));
  const words = firstFlag === -1 ? argv : argv.slice(0, firstFlag);
  for (let count = words.length; count > 0; count--) {
    const page = commands[words.slice(0, count).join(' ')];
    if (page !== undefined) return page;
  }
  return topics[words.join(' ')];
}

/** Pages are rendered with styles, which only a terminal gets. */
function print(text) {
  const { stdout } = process;
  const styled = stdout.isTTY && stdout.hasColors() && !process.env.CI;
  // A reader such as `head` may close the pipe early; that is no failure.
  stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
  stdout.write(styled ? text : stripVTControlCharacters(text));
}

/**
 * Node trusts what lies in its compile cache, so nobody else may write there. Node's own default below the
 * shared temporary directory, or the home of another user kept by sudo, would let others plant code.
 */
function enableCompileCache() {
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME, HOME } = process.env;
  const base = XDG_CACHE_HOME || (HOME && path.join(HOME, '.cache'));
  if (NODE_COMPILE_CACHE || !base || !path.isAbsolute(base)) return;
  const folder = path.join(base, 'ota-fleet', 'compiled');
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (isPrivate(base) && isPrivate(path.dirname(folder)) && isPrivate(folder)) nodeModule.enableCompileCache(folder);
  } catch {
    // Without a place for it, starting takes longer and nothing else changes.
  }
}

function isPrivate(folder) {
  const { uid, mode } = fs.lstatSync(folder);
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
}
