import { accessRoutes } from './access/access-routes.js';
import { deviceRoutes } from './api/devices/device-routes.js';
import { trustRootRoutes } from './artifacts/trust-root-routes.js';
import { auditRoutes } from './audit/audit-routes.js';
import { campaignRoutes } from './campaigns/campaign-routes.js';
import { catalogueRoutes } from './catalog/catalogue-routes.js';
import { ddiRoutes } from './ddi/ddi-routes.js';
import { eventRoutes } from './events/event-routes.js';
import { documentRoutes } from './http/document-route.js';
import { healthRoutes } from './http/health.js';
import type { RouteDefinition } from './http/route.js';
import { managementRoutes } from './management/management-routes.js';
import { measurementRoutes } from './measurements/measurement-routes.js';
import { metricsRoutes } from './metrics/metrics-route.js';
import { telemetryRoutes } from './telemetry/telemetry-routes.js';

/** Every route of the server. The server, its API document and the test of who may do what are made from this table. */
export const ROUTES: readonly RouteDefinition[] = [
  ...healthRoutes,
  ...documentRoutes,
  ...metricsRoutes,
  ...telemetryRoutes,
  ...measurementRoutes,
  ...eventRoutes,
  ...deviceRoutes,
  ...trustRootRoutes,
  ...catalogueRoutes,
  ...campaignRoutes,
  ...ddiRoutes,
  ...accessRoutes,
  ...auditRoutes,
  ...managementRoutes,
];
