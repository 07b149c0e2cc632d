// A real SWUpdate for the service suite: a device that asks a server of hawkBit's device interface for updates
// (its mode "suricatta") and installs what is signed by the key of its directory.
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startService } from './service.mjs';

const HARDWARE = 'test:1.0';

/** Where an installed image is found. */
export function installedImage(directory) {
  return join(directory, 'installed.img');
}

/**
 * Makes a package that devices of this directory install: the signed description and one image.
 *
 * @param {string} directory
 * @param {{ version: string, image: Uint8Array }} release
 * @returns {string} the path of a .swu
 */
export function makeUpdate(directory, { version, image }) {
  const { key, certificate } = signer(directory);
  const aside = mkdtempSync(join(directory, 'pack-'));
  writeFileSync(join(aside, 'app.img'), image);
  writeFileSync(
    join(aside, 'sw-description'),
    `software = {
  version = "${version}";
  hardware-compatibility: [ "${HARDWARE.split(':')[1]}" ];
  files: ({ filename = "app.img"; path = "${installedImage(directory)}"; sha256 = "${hash('sha256', image)}"; });
};
`,
  );
  const description = ['-in', 'sw-description', '-out', 'sw-description.sig', '-outform', 'DER'];
  const sign = ['cms', '-sign', ...description, '-signer', certificate, '-inkey', key, '-nosmimecap', '-binary'];
  execFileSync('openssl', sign, { cwd: aside });
  const swu = join(directory, `${version}.swu`);
  // The description and its signature come first.
  const input = 'sw-description\nsw-description.sig\napp.img\n';
  execFileSync('cpio', ['-o', '-H', 'crc', '--quiet', '-O', swu], { cwd: aside, input, stdio: ['pipe', 'ignore', 2] });
  rmSync(aside, { recursive: true });
  return swu;
}

/**
 * Starts the device; resolves before its first poll.
 *
 * It reports an installed update as done only when it was started anew, as after a reboot, with `confirm`.
 *
 * @param {string} directory
 * @param {import('./swupdate.mjs').SwupdateOptions} options
 * @returns {Promise<import('./service.mjs').RunningService>}
 */
export async function startSwupdate(
  directory,
  { url, tenant, id, targetToken, gatewayToken, attributes = {}, confirm },
) {
  const { certificate } = signer(directory);
  const run = join(directory, 'run');
  mkdirSync(run, { recursive: true });
  const config = join(directory, 'swupdate.cfg');
  const settings = { tenant, id, url, targettoken: targetToken, gatewaytoken: gatewayToken, polldelay: 1 };
  const identify = Object.entries(attributes).map(([name, value]) => `{ ${group({ name, value })} }`);
  const sections = `globals: { };\nsuricatta: { ${group(settings)} };\nidentify: ( ${identify.join(', ')} );\n`;
  writeFileSync(config, sections, { mode: 0o600 }); // tokens are none of argv's business
  const suricatta = confirm === undefined ? '' : `-c ${{ success: 2, failure: 3 }[confirm]}`;
  const args = ['-f', config, '-k', certificate, '-H', HARDWARE, '-l', '5', '-u', suricatta];
  return await startService('swupdate', args, {
    name: 'SWUpdate',
    env: { ...process.env, RUNTIME_DIRECTORY: run, TMPDIR: run },
    ready: ({ said }) => said('entering suricatta main loop'),
  });
}

/** The settings of a group of its configuration. */
function group(settings) {
  return Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)};`)
    .join(' ');
}

/** The key of the directory, which signs its updates. */
function signer(directory) {
  const key = join(directory, 'key.pem');
  const certificate = join(directory, 'certificate.pem');
  if (!existsSync(certificate)) {
    const subject = ['-subj', '/CN=test key', '-days', '1', '-addext', 'extendedKeyUsage=emailProtection'];
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, ...subject];
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
  return { key, certificate };
}
