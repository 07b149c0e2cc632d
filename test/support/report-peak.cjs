// Preloaded with --require: writes the most memory that this process had resident, bytes, when it ends.
const fs = require('node:fs');
const { isMainThread } = require('node:worker_threads');

if (isMainThread) {
  process.on('exit', () => {
    // not getrusage: that also counts what the parent had when it started this process
    const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
    fs.writeFileSync(process.env.PEAK_FILE, String(kibibytes * 1024));
  });
}
