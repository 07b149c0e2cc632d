import type { TestServer } from '../server-fixture.js';

export interface Answered {
  readonly status: number;
  readonly body: ReturnType<typeof JSON.parse>;
}

/** Uploads a file as hawkBit's clients do. */
export function uploadOf(server: TestServer) {
  return async (moduleId: number, bytes: Buffer, query = ''): Promise<Answered> => {
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(bytes)]), 'upload.swu');
    const response = await fetch(`${server.url}/rest/v1/softwaremodules/${moduleId}/artifacts${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token('admin')}` },
      body: form,
    });
    return { status: response.status, body: await response.json() };
  };
}
