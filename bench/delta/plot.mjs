const ROW = 22;
const LEFT = 170;
const WIDTH = 900;
const RIGHT = 220;
const TOP = 64;
const GAP = 10;
const COLOURS = { ours: '#1a7f5a', aware: '#c77d0a', peer: '#8a94a3' };

/**
 * Bars for each pair: the smallest patch of each family, as a share of the best general engine's.
 *
 * @param results of run.mjs
 * @returns an SVG document
 */
export function sizePlot(results) {
  const groups = Object.entries(results).flatMap(([pair, { engines }]) => bars(pair, engines));
  const height = TOP + groups.reduce((sum, { families }) => sum + families.length * ROW + GAP, 0);
  const scale = (share) => Math.min(share, 1.25) * ((WIDTH - LEFT - RIGHT) / 1.25);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif" font-size="13">`,
    '<title>Patch sizes as a share of the best general engine</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="26" font-size="17" font-weight="600" fill="#1b1f24">Patch size, as a share of the best general engine's</text>`,
    legend(),
  ];
  let y = TOP;
  for (const { pair, families } of groups) {
    parts.push(`<text x="${LEFT - 10}" y="${y + ROW + 3}" text-anchor="end" fill="#1b1f24">${pair}</text>`);
    for (const { family, name, bytes, share } of families) {
      const length = scale(share);
      parts.push(
        `<rect x="${LEFT}" y="${y + 2}" width="${length.toFixed(1)}" height="${ROW - 6}" rx="2" fill="${COLOURS[family]}"/>`,
        `<text x="${(LEFT + length + 6).toFixed(1)}" y="${y + 14}" fill="#3d444d" font-size="11">${share.toFixed(2)} · ${name}, ${bytes.toLocaleString('en-US')}</text>`,
      );
      y += ROW;
    }
    y += GAP;
  }
  parts.push('</svg>\n');
  return parts.join('\n');
}

function bars(pair, engines) {
  const entries = Object.entries(engines).flatMap(([name, { bytes, family, machine }]) =>
    bytes === undefined ? [] : [{ name, bytes, family: machine ? 'aware' : family }],
  );
  const smallest = (family) => entries.filter((entry) => entry.family === family).sort((a, b) => a.bytes - b.bytes)[0];
  const general = smallest('peer');
  if (general === undefined) return [];
  const families = ['ours', 'aware', 'peer'].flatMap((family) => smallest(family) ?? []);
  return [{ pair, families: families.map((one) => ({ ...one, share: one.bytes / general.bytes })) }];
}

function legend() {
  const names = { ours: 'ota', aware: 'knows the instruction set', peer: 'best general engine' };
  return Object.entries(names)
    .map(
      ([family, name], index) =>
        `<rect x="${16 + index * 210}" y="38" width="12" height="12" rx="2" fill="${COLOURS[family]}"/>` +
        `<text x="${34 + index * 210}" y="49" fill="#3d444d" font-size="12">${name}</text>`,
    )
    .join('\n');
}
