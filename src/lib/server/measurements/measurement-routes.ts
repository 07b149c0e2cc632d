import { measurementAnswer, measurementRequest } from '../../wire/measurements.js';
import { needs, type RouteDefinition, route } from '../http/route.js';
import { measure } from './measure.js';

export const measurementRoutes: readonly RouteDefinition[] = [
  route({
    method: 'POST',
    path: '/api/v1/measurements',
    access: needs('telemetry:read'),
    summary:
      'Measures one number on chosen devices: how many messages are errors, who is offline, a value in telemetry.',
    body: { json: measurementRequest },
    answers: { 200: { description: 'The number, and on how much it stands.', json: measurementAnswer } },
    handle: ({ server, tenant, body, now, signal }) =>
      server.measurements.inTurn(tenant.id, signal, () =>
        measure({ server, tenantId: tenant.id, request: body, now, signal }),
      ),
  }),
];
