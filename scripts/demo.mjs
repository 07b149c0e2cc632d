// `npm run demo`: the main job on two published versions of a real hub's firmware, also on a fresh clone.
// Leaves its files in demo/, which it empties first.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { prepareWorkspace, root } from './workspace.mjs';

const node = prepareWorkspace();
const { unzipSync } = await import('fflate');
const folder = join(root, 'demo');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);

say('Two published versions of the firmware of a real robot hub:');
for (const [version, release] of [
  ['4.0.0-beta.4', 'v7.27'],
  ['4.0.0-beta.5', 'v7.28'],
]) {
  const zip = unzipSync(readFileSync(join(root, `node_modules/pybricks-firmware-${release}/build/primehub.zip`)));
  const image = zip['firmware-base.bin'];
  writeFileSync(join(folder, `hub-${version}.bin`), image);
  console.log(`hub-${version}.bin  ${image.length} bytes  SHA-256 ${sha256(`hub-${version}.bin`)}`);
}

say('1. Make a signing key. It is marked as a test key: nothing trusts it unless told to.');
ota('keys generate --test --out release');

say('2. Pack the difference between the two images, with a full image for devices that run something else.');
ota(
  'pack --from hub-4.0.0-beta.4.bin --from-version 4.0.0-beta.4 --to hub-4.0.0-beta.5.bin --full',
  '--product prime-hub --model primehub --version 4.0.0-beta.5 --sequence 2 --allow-rollback',
  '--sign release.key --out hub-4.0.0-beta.5.ota',
);

say('3. Look inside.');
ota('inspect hub-4.0.0-beta.5.ota');

say('4. Check it as a CI job would: structure, signature, hashes, and that the delta gives the new image.');
ota('verify hub-4.0.0-beta.5.ota --key release.pub --allow-test-keys --base hub-4.0.0-beta.4.bin');

say('5. A package that was changed on its way is refused, with a status a script can act on.');
const changed = readFileSync(join(folder, 'hub-4.0.0-beta.5.ota'));
changed[changed.length - 4096] ^= 1;
writeFileSync(join(folder, 'changed.ota'), changed);
runOta(4, ['verify changed.ota --key release.pub --allow-test-keys']);

say('6. Apply it to the old image, as a device does.');
ota('apply hub-4.0.0-beta.5.ota --base hub-4.0.0-beta.4.bin --out updated.bin', '--key release.pub --allow-test-keys');

say('7. The result is the new image, byte for byte.');
const [updated, wanted] = [sha256('updated.bin'), sha256('hub-4.0.0-beta.5.bin')];
console.log(`${updated}  updated.bin\n${wanted}  hub-4.0.0-beta.5.bin`);
if (updated !== wanted) fail('The hashes differ.');

say('8. Make a device that lives in a folder: two slots, the old image in one of them, and a trust root of its own.');
ota(
  'trust init --root-key release.pub --product prime-hub --release-key release.pub --sign release.key --out root.json',
);
ota(
  'device init hub --trust root.json --product prime-hub --model primehub',
  '--image hub-4.0.0-beta.4.bin --version 4.0.0-beta.4 --sequence 1 --allow-test-keys',
);

say('9. Install the package on it. It boots the new image on trial, and keeps it once that is confirmed.');
ota('apply hub-4.0.0-beta.5.ota --device hub');
ota('device boot hub');
ota('device confirm hub');

say('10. Go back. This time the firmware hangs: the device returns to what it ran, by itself.');
ota('device rollback hub');
ota('device boot hub --hang');
ota('device boot hub');
ota('device status hub');

say('11. Cut the power at random places of 30 such lives, and see what boots. Without --cuts it is cut everywhere.');
ota(
  'simulate hub-4.0.0-beta.5.ota --base hub-4.0.0-beta.4.bin --trust root.json --allow-test-keys',
  '--boots good --boots hang --cuts random:2 --runs 15 --html simulation.html',
);

say('The files are in demo/. To go on: cd demo, and type ../bin/ota.js where it says ota above.');

function ota(...parts) {
  runOta(0, parts);
}

/** Prints a command as a user would type it, runs it, and insists on its exit status. */
function runOta(expectedStatus, parts) {
  console.log(`$ ota ${parts.join(' \\\n      ')}`);
  const args = parts.join(' ').split(' ');
  const env = { ...process.env, PATH: `${join(node, '..')}${delimiter}${process.env.PATH}` };
  const { status } = spawnSync(node, [join(root, 'bin/ota.js'), ...args], { cwd: folder, env, stdio: 'inherit' });
  if (status !== expectedStatus) fail(`ota ended with status ${status}, expected ${expectedStatus}.`);
  if (expectedStatus !== 0) console.log(`(exit status ${status})`);
}

function say(text) {
  console.log(`\n# ${text}`);
}

function sha256(name) {
  return createHash('sha256')
    .update(readFileSync(join(folder, name)))
    .digest('hex');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
