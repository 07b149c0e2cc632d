import type { RouteDefinition } from '../http/route.js';
import { artifactRoutes } from './artifact-routes.js';
import { configRoutes } from './config-routes.js';
import { confirmationRoutes } from './confirmation-routes.js';
import { deploymentRoutes } from './deployment-routes.js';
import { feedbackRoutes } from './feedback-routes.js';
import { pollRoute } from './poll-route.js';

/** hawkBit's Direct Device Integration API, version 1. */
export const ddiRoutes: readonly RouteDefinition[] = [
  pollRoute,
  ...deploymentRoutes,
  ...feedbackRoutes,
  ...confirmationRoutes,
  ...configRoutes,
  ...artifactRoutes,
];
