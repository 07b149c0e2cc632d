import { OtaError } from '../../core/errors.js';
import { escapeText } from '../../core/text.js';
import type { FleetDevice } from '../../fleet-api/driver.js';

/** @param version what it runs; null: unknown */
type Label = (device: FleetDevice, version: string | null) => string;

/**
 * Reads what stages are spread over: `model`, `group`, `version`, `attribute.KEY`, `metadata.KEY`.
 *
 * @returns one function for each, that tells the value of a device; empty where it has none
 * @throws OtaError USAGE
 */
export function parseLabels(names: readonly string[]): Label[] {
  return names.map((name) => {
    switch (name) {
      case 'model':
        return ({ attributes }) => attributes.model ?? '';
      case 'group':
        return ({ group }) => group ?? '';
      case 'version':
        return (_, version) => version ?? '';
    }
    const [, kind, key] = /^(attribute|metadata)\.(.+)$/s.exec(name) ?? [];
    if (kind === 'attribute') return ({ attributes }) => valueAt(attributes, key!);
    if (kind === 'metadata') return ({ metadata }) => valueAt(metadata, key!);
    throw new OtaError('USAGE', `--spread: devices cannot be spread over "${escapeText(name)}"`, [
      'There are model, group, version, attribute.KEY and metadata.KEY, with commas between.',
    ]);
  });
}

function valueAt(values: Readonly<Record<string, string>>, key: string): string {
  return Object.hasOwn(values, key) ? values[key]! : '';
}
