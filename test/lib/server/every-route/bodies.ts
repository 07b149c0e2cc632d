const FEEDBACK = { status: { execution: 'proceeding', result: { finished: 'none' } } };

/** Bodies that are right, for routes that read theirs before they look for what the path names. */
export const BODIES: Readonly<Record<string, { readonly type?: string; readonly body: unknown }>> = {
  'PUT /rest/v1/targets/{controllerId}': { body: { name: 'renamed' } },
  'POST /rest/v1/targets/{controllerId}/metadata': { body: [{ key: 'k', value: 'v' }] },
  'PUT /rest/v1/targets/{controllerId}/metadata/{key}': { body: { value: 'v' } },
  'POST /rest/v1/targets/{controllerId}/assignedDS': { body: { id: 1 } },
  'PUT /rest/v1/targets/{controllerId}/actions/{actionId}': { body: { forceType: 'forced' } },
  'PUT /rest/v1/targets/{controllerId}/actions/{actionId}/confirmation': { body: { confirmation: 'confirmed' } },
  'PUT /rest/v1/targettags/{id}': { body: { description: 'changed' } },
  'POST /rest/v1/targettags/{id}/assigned': { body: [] },
  'PUT /rest/v1/targettags/{id}/assigned': { body: [] },
  'DELETE /rest/v1/targettags/{id}/assigned': { body: [] },
  'PUT /rest/v1/targetfilters/{id}': { body: { query: 'name==*' } },
  'PUT /rest/v1/softwaremodules/{id}': { body: { vendor: 'changed' } },
  'PUT /rest/v1/distributionsets/{id}': { body: { description: 'changed' } },
  'POST /rest/v1/distributionsets/{id}/assignedSM': { body: [{ id: 1 }] },
  'POST /rest/v1/distributionsets/{id}/assignedTargets': { body: [{ id: 'nobody' }] },
  'POST /rest/v1/distributionsets/{id}/invalidate': { body: { actionCancelationType: 'soft' } },
  'PUT /rest/v1/rollouts/{id}': { body: { description: 'changed' } },
  'PUT /rest/v1/system/configs/{name}': { body: { value: '00:01:00' } },

  'PATCH /api/v1/operators/{operatorId}': { body: { role: 'viewer' } },
  'PATCH /api/v1/devices/{controllerId}': { body: { name: 'renamed' } },
  'POST /api/v1/campaigns/{campaign}/requests': { body: { verb: 'pause' } },
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
