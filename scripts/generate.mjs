// Writes what is derived from the built commands and the error codes. After a change of either run
// `npm run generate` and review the difference; `--check` writes nothing and fails when a file is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedFiles } from './generate/files.mjs';

const root = dirname(import.meta.dirname);
const check = process.argv.includes('--check');

for (const [name, text] of Object.entries(await generatedFiles())) {
  const path = join(root, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
  if (check) process.exitCode = 1;
  else writeFileSync(path, text);
  console.log(check ? `${name} is stale, run \`npm run generate\`` : name);
}
