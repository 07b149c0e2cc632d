import type { RouteDefinition } from '../http/route.js';
import { actionRoutes } from './action-routes.js';
import { artifactRoutes } from './artifact-routes.js';
import { configRoutes } from './config-routes.js';
import { moduleRoutes } from './module-routes.js';
import { rolloutRoutes } from './rollout-routes.js';
import { setRoutes } from './set-routes.js';
import { tagRoutes } from './tag-routes.js';
import { targetFilterRoutes } from './target-filter-routes.js';
import { targetGroupRoutes } from './target-group-routes.js';
import { targetRoutes } from './target-routes.js';
import { typeRoutes } from './type-routes.js';

/** hawkBit's Management API. */
export const managementRoutes: readonly RouteDefinition[] = [
  ...targetRoutes,
  ...tagRoutes,
  ...targetFilterRoutes,
  ...targetGroupRoutes,
  ...typeRoutes,
  ...moduleRoutes,
  ...artifactRoutes,
  ...setRoutes,
  ...actionRoutes,
  ...rolloutRoutes,
  ...configRoutes,
];
