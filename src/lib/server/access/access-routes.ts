import type { RouteDefinition } from '../http/route.js';
import { operatorRoutes } from './operator-routes.js';
import { sessionRoutes } from './session-routes.js';
import { settingRoutes } from './setting-routes.js';
import { tenantRoutes } from './tenant-routes.js';
import { tokenRoutes } from './token-routes.js';

/** Who may work with a tenant's fleet, and what the tenant has set. */
export const accessRoutes: readonly RouteDefinition[] = [
  ...sessionRoutes,
  ...operatorRoutes,
  ...tokenRoutes,
  ...tenantRoutes,
  ...settingRoutes,
];
