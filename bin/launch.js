// Runs under a supported Node only. What needs no command (version, help) is answered from files
// rendered at build time; everything else imports one bundled command.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const nodeModule = require('node:module');

module.exports = function launch(executable, root, argv) {
  const dist = path.join(root, 'dist');
  const readJson = (name) => JSON.parse(fs.readFileSync(path.join(dist, name), 'utf8'));
  if (!fs.existsSync(path.join(dist, 'cli', 'dispatch.js'))) {
    process.stderr.write(`${executable} is not built; run \`npm run build\` first.\n`);
    process.exitCode = 2;
    return;
  }

  const answer =
    argv.length === 1 && argv[0] === '--version'
      ? versionLine(readJson('version.json'))
      : helpText(argv, executable, readJson);
  if (answer !== undefined) {
    quietOnBrokenPipe();
    process.stdout.write(answer);
    return;
  }

  enableCompileCache();
  require(path.join(dist, 'cli', 'dispatch.js')).dispatch(executable, root, argv);
};

function versionLine({ name, version }) {
  return `${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`;
}

/** Rendered help when argv is nothing but the words of a command or topic and --help, else undefined. */
function helpText(argv, executable, readJson) {
  const words = argv[0] === 'help' ? argv.slice(1) : argv.filter((word) => word !== '--help' && word !== '-h');
  const asked = argv.length === 0 || argv[0] === 'help' || words.length < argv.length;
  if (!asked || words.some((word) => word.startsWith('-'))) return undefined;
  return readJson(`${executable}.help.json`)[words.join(' ')];
}

/** A reader such as `head` may close the pipe early; that is no failure. */
function quietOnBrokenPipe() {
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/**
 * Node trusts what lies in its compile cache, so it must be a directory of the user alone: Node's own
 * default below the shared temporary directory would let another user plant code.
 */
function enableCompileCache() {
  if (process.env.NODE_COMPILE_CACHE || !(process.env.XDG_CACHE_HOME || process.env.HOME)) return;
  const base = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  if (path.isAbsolute(base)) nodeModule.enableCompileCache(path.join(base, 'ota-fleet', 'compiled'));
}
