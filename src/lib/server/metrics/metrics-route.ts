import { Answer, needs, type RouteDefinition, route } from '../http/route.js';
import { fleetGauges } from './fleet-gauges.js';

/** For Prometheus, which sends a token with `authorization: { credentials_file: … }`. */
export const metricsRoutes: readonly RouteDefinition[] = [
  route({
    method: 'GET',
    path: '/metrics',
    access: needs('server:read'),
    summary: 'Figures of this process and of the whole fleet, for Prometheus.',
    answers: { 200: { description: 'Prometheus text format.' } },
    async handle({ server }) {
      const { registry } = server.metrics;
      const text = `${await registry.metrics()}${await fleetGauges(server.database)}`;
      return new Answer(200, text, { 'content-type': registry.contentType });
    },
  }),
];
