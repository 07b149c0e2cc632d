/**
 * Who may call what, written down apart from the routes: a route with no row here fails, and so does one whose rule is
 * another. Whoever adds a route adds its row, and thinks about it once more.
 */

/** What each role may. */
export const MAY: Readonly<Record<string, readonly string[]>> = {
  admin: [
    ...['self', 'devices:read', 'devices:write', 'software:read', 'software:write', 'rollouts:read', 'rollouts:write'],
    ...['telemetry:read', 'telemetry:write', 'events:read', 'audit:read', 'settings:read', 'settings:write'],
    ...['access:write', 'server:read', 'tenants:write'],
  ],
  operator: [
    ...['self', 'devices:read', 'devices:write', 'software:read', 'software:write', 'rollouts:read', 'rollouts:write'],
    ...['telemetry:read', 'telemetry:write', 'events:read', 'settings:read', 'server:read'],
  ],
  viewer: [
    ...['self', 'devices:read', 'software:read', 'rollouts:read', 'telemetry:read', 'events:read', 'settings:read'],
    'server:read',
  ],
  auditor: [
    ...['self', 'devices:read', 'software:read', 'rollouts:read', 'telemetry:read', 'events:read', 'settings:read'],
    ...['server:read', 'audit:read'],
  ],
};

/** Of the whole server, so only for the tenant it began with: 403 in every other. */
export const HOME_ONLY: ReadonlySet<string> = new Set(['server:read', 'tenants:write']);

/** `public`, `device`, or the permission that it needs. */
export const RULES: Readonly<Record<string, string>> = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /metrics': 'server:read',
  'GET /api/v1/openapi.json': 'public',

  'POST /api/v1/session': 'public',
  'POST /api/v1/session/refresh': 'public',
  'DELETE /api/v1/session': 'self',
  'GET /api/v1/whoami': 'self',
  'GET /rest/v1/userinfo': 'self',
  'PUT /api/v1/password': 'self',
  'GET /api/v1/operators': 'access:write',
  'POST /api/v1/operators': 'access:write',
  'GET /api/v1/operators/{operatorId}': 'access:write',
  'PATCH /api/v1/operators/{operatorId}': 'access:write',
  'DELETE /api/v1/operators/{operatorId}': 'access:write',
  // Whoever is somebody has tokens of their own; those of others are 404.
  'GET /api/v1/tokens': 'self',
  'POST /api/v1/tokens': 'self',
  'GET /api/v1/tokens/{tokenId}': 'self',
  'DELETE /api/v1/tokens/{tokenId}': 'self',
  'GET /api/v1/tenants': 'tenants:write',
  'POST /api/v1/tenants': 'tenants:write',
  'GET /api/v1/tenants/{tenantId}': 'tenants:write',
  'GET /api/v1/settings': 'settings:read',
  'GET /api/v1/settings/{name}': 'settings:read',
  'PUT /api/v1/settings/{name}': 'settings:write',
  'DELETE /api/v1/settings/{name}': 'settings:write',
  'GET /api/v1/audit': 'audit:read',
  'GET /api/v1/audit/verify': 'audit:read',

  'POST /api/v1/telemetry': 'telemetry:write',
  'POST /{tenant}/telemetry/v1/{controllerId}': 'device',
  'GET /api/v1/devices/{controllerId}/telemetry': 'telemetry:read',

  'GET /api/v1/events': 'events:read',

  'GET /api/v1/devices': 'devices:read',
  'POST /api/v1/devices': 'devices:write',
  'PATCH /api/v1/devices': 'devices:write',
  'DELETE /api/v1/devices': 'devices:write',
  'GET /api/v1/devices/{controllerId}': 'devices:read',
  'PATCH /api/v1/devices/{controllerId}': 'devices:write',
  'DELETE /api/v1/devices/{controllerId}': 'devices:write',

  'GET /api/v1/trust-root': 'settings:read',
  'PUT /api/v1/trust-root': 'settings:write',

  'GET /{tenant}/controller/v1/{controllerId}': 'device',
  'GET /{tenant}/controller/v1/{controllerId}/deploymentBase/{actionId}': 'device',
  'POST /{tenant}/controller/v1/{controllerId}/deploymentBase/{actionId}/feedback': 'device',
  'GET /{tenant}/controller/v1/{controllerId}/installedBase/{actionId}': 'device',
  'PUT /{tenant}/controller/v1/{controllerId}/installedBase': 'device',
  'GET /{tenant}/controller/v1/{controllerId}/cancelAction/{actionId}': 'device',
  'POST /{tenant}/controller/v1/{controllerId}/cancelAction/{actionId}/feedback': 'device',
  'GET /{tenant}/controller/v1/{controllerId}/confirmationBase': 'device',
  'GET /{tenant}/controller/v1/{controllerId}/confirmationBase/{actionId}': 'device',
  'POST /{tenant}/controller/v1/{controllerId}/confirmationBase/{actionId}/feedback': 'device',
  'POST /{tenant}/controller/v1/{controllerId}/confirmationBase/activateAutoConfirm': 'device',
  'POST /{tenant}/controller/v1/{controllerId}/confirmationBase/deactivateAutoConfirm': 'device',
  'PUT /{tenant}/controller/v1/{controllerId}/configData': 'device',
  'GET /{tenant}/controller/v1/{controllerId}/softwaremodules/{moduleId}/artifacts': 'device',
  'GET /{tenant}/controller/v1/{controllerId}/softwaremodules/{moduleId}/artifacts/{filename}': 'device',
  'HEAD /{tenant}/controller/v1/{controllerId}/softwaremodules/{moduleId}/artifacts/{filename}': 'device',

  'GET /api/v1/releases': 'software:read',
  'POST /api/v1/releases': 'software:write',
  'GET /api/v1/releases/{digest}': 'software:read',
  'POST /api/v1/releases/{digest}/yank': 'software:write',
  'POST /api/v1/releases/{digest}/unyank': 'software:write',
  'PUT /api/v1/releases/{digest}/channels/{channel}': 'software:write',
  'DELETE /api/v1/releases/{digest}/channels/{channel}': 'software:write',
  'GET /api/v1/channels': 'software:read',
  'GET /api/v1/paths': 'software:read',
  'GET /api/v1/devices/{controllerId}/rollback-target': 'devices:read',
};
