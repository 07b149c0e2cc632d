import type { Clock } from '../../core/clock.js';
import type { Database } from '../database/database.js';
import { readSettings, type TenantSettings } from './tenant-settings.js';

/** After so long another process's change is seen. Milliseconds. */
const MAX_AGE_MS = 1000;
/** Tenants remembered; more only cost a query. */
const MAX_TENANTS = 10_000;

/** The settings of tenants for what happens thousands of times a second. */
export interface SettingsCache {
  /** As they are, or were at most a second ago. A promise that others may await too. */
  of(tenantId: number): Promise<TenantSettings>;
  /** To be called where they are changed, so that this process sees it at once. */
  forget(tenantId: number): void;
}

export function openSettingsCache(database: Database, clock: Clock): SettingsCache {
  const known = new Map<number, { readonly readAt: number; readonly settings: Promise<TenantSettings> }>();
  return {
    of(tenantId) {
      const now = clock.now().getTime();
      const entry = known.get(tenantId);
      // A clock that was set back makes an entry that would never age.
      if (entry !== undefined && now >= entry.readAt && now - entry.readAt < MAX_AGE_MS) return entry.settings;
      const settings = readSettings(database.sql, tenantId);
      if (known.size >= MAX_TENANTS) known.clear();
      known.set(tenantId, { readAt: now, settings });
      settings.catch(() => known.delete(tenantId));
      return settings;
    },
    forget: (tenantId) => void known.delete(tenantId),
  };
}
