import { expect, test } from 'vitest';
import { OtaError } from '../../../src/lib/core/errors.js';
import { patchFromWorker } from '../../../src/lib/delta/worker-patch.js';
import { writeRealFirmware } from '../../support/firmware.js';
import { testFolder } from '../../support/folder.js';

test('a signal that was raised before the worker starts is not missed', async () => {
  const signal = AbortSignal.abort(new OtaError('TERMINATED', 'Ended'));
  const old = new ArrayBuffer(200_000);
  const target = new ArrayBuffer(200_000);
  const job = { workerData: { old, target }, transferList: [old, target], signal, onProgress: () => undefined };
  await expect(patchFromWorker('delta/bsdiff/bsdiff.worker', job)).rejects.toMatchObject({ code: 'TERMINATED' });
  expect(old.byteLength).toBe(200_000); // no thread has taken it
});

test.each(['otad/otad', 'bsdiff/bsdiff'])('what a user is told by the worker %s keeps its code', async (name) => {
  await using folder = await testFolder();
  await writeRealFirmware(folder.path, 'movehub');
  const [basePath, targetPath] = [folder.file('old.bin'), folder.file('new.bin')];
  const workerData = { basePath, targetPath, choices: { format: 'bsdf2', maxMemoryBytes: 1000 } };
  const made = patchFromWorker(`delta/${name}.worker`, { workerData, signal: undefined, onProgress: () => undefined });
  await expect(made).rejects.toBeInstanceOf(OtaError);
  await expect(made).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('1000 bytes') });
});
