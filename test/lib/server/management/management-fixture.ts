import { expect } from 'vitest';
import type { CallOptions, TestServer } from '../server-fixture.js';

/** Calls of the Management API as clients make them, each of which must succeed. */
export function managementOf(server: TestServer) {
  const ok = async (method: string, path: string, options: CallOptions = {}) => {
    const result = await server.call(method, `/rest/v1${path}`, options);
    expect([200, 201, 204], JSON.stringify(result.body)).toContain(result.status);
    return result.body;
  };
  return {
    get: (path: string, options?: CallOptions) => ok('GET', path, options),
    post: (path: string, body?: unknown, options?: CallOptions) =>
      ok('POST', path, { ...options, ...(body !== undefined && { body }) }),
    put: (path: string, body?: unknown) => ok('PUT', path, body === undefined ? {} : { body }),
    delete: (path: string, body?: unknown) => ok('DELETE', path, body === undefined ? {} : { body }),
    targets: (...controllerIds: string[]) =>
      ok('POST', '/targets', { body: controllerIds.map((controllerId) => ({ controllerId })) }),
    /** A complete set of one module. @returns its number */
    async set(version: string, options: CallOptions = {}): Promise<number> {
      const module = { name: 'firmware', version, type: 'os' };
      const [{ id: moduleId }] = await ok('POST', '/softwaremodules', { ...options, body: [module] });
      const set = { name: 'firmware', version, type: 'os', modules: [{ id: moduleId }] };
      const [{ id }] = await ok('POST', '/distributionsets', { ...options, body: [set] });
      return id;
    },
    async ids(path: string): Promise<string[]> {
      const { content } = await ok('GET', path);
      return content.map(({ controllerId }: { controllerId: string }) => controllerId);
    },
  };
}
