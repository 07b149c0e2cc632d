const FEEDBACK = { status: { execution: 'proceeding', result: { finished: 'none' } } };

/** Bodies that are right, for routes that read theirs before they look for what the path names. */
export const BODIES: Readonly<Record<string, { readonly type?: string; readonly body: unknown }>> = {
  'PATCH /api/v1/operators/{operatorId}': { body: { role: 'viewer' } },
  'PATCH /api/v1/devices/{controllerId}': { body: { name: 'renamed' } },
  'POST /api/v1/releases/{digest}/yank': { body: { reason: 'melts' } },
  'POST /{tenant}/telemetry/v1/{controllerId}': {
    type: 'application/x-ndjson',
    body: '{"messageId":"m1","timestamp":"2026-01-05T06:00:00Z","type":"position"}\n',
  },

  'POST /{tenant}/controller/v1/{controllerId}/deploymentBase/{actionId}/feedback': { body: FEEDBACK },
  'POST /{tenant}/controller/v1/{controllerId}/cancelAction/{actionId}/feedback': { body: FEEDBACK },
  'POST /{tenant}/controller/v1/{controllerId}/confirmationBase/{actionId}/feedback': {
    body: { confirmation: 'confirmed' },
  },
  'PUT /{tenant}/controller/v1/{controllerId}/configData': { body: { data: { hardware: '1' } } },
  'PUT /{tenant}/controller/v1/{controllerId}/installedBase': { body: { name: 'none', version: '1' } },
};
