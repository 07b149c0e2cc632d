import type { ServerContext } from '../context.js';
import { settingName, writeSetting } from './tenant-settings.js';

export interface SettingsChange {
  readonly tenantId: number;
  readonly actor: string;
  /** By name; undefined: back to the default. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly now: number;
}

/**
 * Changes settings of a tenant, all of them or none; this process goes by them at once, others within a second.
 *
 * @throws OtaError NOT_FOUND, and those of `writeSetting`
 */
export async function changeSettings(
  { database, tenantSettings }: Pick<ServerContext, 'database' | 'tenantSettings'>,
  { values, ...change }: SettingsChange,
): Promise<void> {
  await database.transaction(async (tx) => {
    for (const [name, value] of Object.entries(values)) {
      await writeSetting(tx, { ...change, name: settingName(name), value });
    }
  });
  tenantSettings.forget(change.tenantId);
}
