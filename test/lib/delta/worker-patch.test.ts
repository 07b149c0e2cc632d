import { expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { patchFromWorker } from '../../../src/lib/delta/worker-patch.js';

test('a signal that was raised before the worker starts is not missed', async () => {
  const signal = AbortSignal.abort(new OtaError('TERMINATED', 'Ended'));
  const old = new ArrayBuffer(200_000);
  const target = new ArrayBuffer(200_000);
  const job = { workerData: { old, target }, transferList: [old, target], signal, onProgress: () => undefined };
  await expect(patchFromWorker('delta/bsdiff/bsdf2.worker', job)).rejects.toMatchObject({ code: 'TERMINATED' });
  expect(old.byteLength).toBe(200_000); // no thread has taken it
});
