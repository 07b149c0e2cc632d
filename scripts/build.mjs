// Bundles src/ into dist/ and writes, for each executable, a manifest of its commands and its rendered help.
// Built aside and swapped in, so that dist/ is never half there.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle } from './build/bundle.mjs';
import { writeCommandFiles } from './build/command-files.mjs';
import { buildStandalone } from './build/standalone.mjs';
import { thirdPartyNotices } from './build/third-party-notices.mjs';

const root = dirname(import.meta.dirname);
const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const dist = join(root, 'dist');
const out = `${dist}.${process.pid}`;
const previous = `${out}.previous`;

process.on('exit', () => {
  for (const folder of [out, previous]) rmSync(folder, { recursive: true, force: true });
});

const inputs = await bundle(root, out).catch(() => process.exit(1)); // esbuild has said why
writeFileSync(join(out, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, inputs));
await buildStandalone(root, out);
await writeCommandFiles({ root, pjson, out });
writeFileSync(join(out, 'version.json'), `${JSON.stringify({ name: pjson.name, version: pjson.version })}\n`);

if (existsSync(dist)) renameSync(dist, previous);
renameSync(out, dist);
