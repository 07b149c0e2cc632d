import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/**
 * The licences of every package that went into the bundle.
 *
 * @param root   the repository
 * @param inputs source files of the bundle, relative to root
 */
export function thirdPartyNotices(root, inputs) {
  const folders = new Set(
    inputs.filter((input) => input.includes('node_modules/')).map((input) => packageFolder(join(root, input))),
  );
  const notices = [...folders].map(notice).sort((a, b) => (a.title < b.title ? -1 : 1));
  const unique = new Map(notices.map(({ title, text }) => [title, `${title}\n\n${text.trim()}\n`]));
  return ['This program contains the following packages.\n', ...unique.values()].join(`\n${'-'.repeat(80)}\n\n`);
}

function packageFolder(file) {
  let folder = dirname(file);
  // Some packages hold nested package.json files without a name, only to set the module type.
  while (!isPackage(folder)) folder = dirname(folder);
  return folder;
}

function isPackage(folder) {
  const file = join(folder, 'package.json');
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version !== undefined;
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return {
    title: `${name} ${version} (${license})`,
    text: file
      ? readFileSync(`${folder}${sep}${file}`, 'utf8')
      : `Distributed under the ${license} licence; the package holds no copy of its text.`,
  };
}
