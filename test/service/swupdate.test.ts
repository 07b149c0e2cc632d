import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { installedImage, makeUpdate, startSwupdate } from '../../scripts/services/swupdate.mjs';
import { ddiRecorder, executionOf } from '../support/ddi-recorder.js';
import { testFolder } from '../support/folder.js';

const DEVICE = { tenant: 'DEFAULT', id: 'hub-1', targetToken: 'target-token', attributes: { hwRevision: '1.0' } };
const PATH = '/DEFAULT/controller/v1/hub-1';

describe('what the SWUpdate client asks of a server of updates', () => {
  test('installs what is offered, and reports it done after the next start', async () => {
    await using folder = await testFolder();
    const image = randomBytes(50_000);
    await using server = await ddiRecorder(PATH, makeUpdate(folder.path, { version: '1.2.0', image }));
    const device = await startSwupdate(folder.path, { ...DEVICE, url: server.url });
    await device.said('An already installed update is pending testing');
    await device.stop();
    expect((await readFile(installedImage(folder.path))).equals(image)).toBe(true);
    const installed = server.requests.length;

    const rebooted = await startSwupdate(folder.path, { ...DEVICE, url: server.url, confirm: 'success' });
    const closed = await server.seen(
      ({ what, body }) => what.endsWith('/deploymentBase/7/feedback') && executionOf(body) === 'closed',
    );
    await rebooted.stop();
    expect(server.requests.indexOf(closed)).toBeGreaterThanOrEqual(installed);
    expect(closed.body).toMatchObject({ id: 7, status: { result: { finished: 'success' } } });

    const { requests } = server;
    // It leaves an update alone while the server asks for its attributes …
    expect(requests.slice(0, 4).map(({ what }) => what)).toEqual([
      'GET ',
      'GET /deploymentBase/7',
      'PUT /configData',
      'GET ',
    ]);
    expect(requests[2]!.body).toMatchObject({
      id: '',
      time: expect.stringMatching(/^\d{8}T\d{6}$/),
      data: { hwRevision: '1.0' },
    });
    // … asks for the size before it downloads, and tells of each step.
    const [head, get] = requests.filter(({ what }) => what.endsWith('/update.swu'));
    expect([head!.what, get!.what]).toEqual(['HEAD /update.swu', 'GET /update.swu']);
    const feedback = requests.filter(({ what }) => what.endsWith('feedback')).map(({ body }) => body);
    expect(feedback.slice(0, -1).every((body) => executionOf(body) === 'proceeding')).toBe(true);
    expect(feedback[0]).toMatchObject({ status: { result: { finished: 'none' } } });
    for (const body of feedback) expect(body).toMatchObject({ id: 7, time: expect.stringMatching(/^\d{8}T\d{6}$/) });
    for (const { headers } of requests) expect(headers.authorization).toBe('TargetToken target-token');
  });

  test('installs nothing that another key has signed, and reports the failure', async () => {
    await using folder = await testFolder();
    await using stranger = await testFolder();
    const update = makeUpdate(stranger.path, { version: '1.2.0', image: randomBytes(5000) });
    await using server = await ddiRecorder(PATH, update);
    const { targetToken, ...options } = DEVICE;
    const device = await startSwupdate(folder.path, { ...options, gatewayToken: 'gateway-token', url: server.url });
    const { body, headers } = await server.seen(
      ({ body }) => executionOf(body) === 'closed' && !('data' in (body as object)),
    );
    await device.stop();
    expect(body).toMatchObject({ id: 7, status: { result: { finished: 'failure' } } });
    expect(headers.authorization).toBe('GatewayToken gateway-token');
    await expect(readFile(installedImage(folder.path))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(readFile(installedImage(stranger.path))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
