import { PUBLIC, type RouteDefinition, route } from './route.js';

/** The reference for programs: made from the routes themselves. */
export const documentRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/api/v1/openapi.json',
    access: PUBLIC,
    summary: 'This document (OpenAPI 3.1).',
    answers: { 200: { description: 'The document.' } },
    handle: async ({ request }) => request.server.swagger(),
  }),
];
