import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { ndjson, newFolder, openLog, readAll, reading } from './log-fixture.js';

describe('row 71: a log that cannot be written', () => {
  test('acknowledges nothing, keeps nothing, and takes it when it can be written again', async () => {
    const folder = newFolder();
    const log = openLog(folder);
    await log.append(1, ndjson([reading('before')]));
    const other = new DatabaseSync(join(folder, '000000000000001.db'));
    other.exec('begin immediate');
    await expect(log.append(1, ndjson([reading('refused')]))).rejects.toMatchObject({ code: 'IO_FAILED' });
    await expect(log.append(1, ndjson([reading('refused')]))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect((await readAll(log)).messages).toHaveLength(1);
    other.exec('rollback');
    other.close();
    // It is not tried again at once, and then it is opened anew.
    await expect
      .poll(() => log.append(1, ndjson([reading('refused')])).catch(() => undefined), { timeout: 10_000 })
      .toMatchObject({ accepted: 1, duplicates: 0 });
    expect(await log.append(1, ndjson([reading('before'), reading('refused')]))).toMatchObject({ duplicates: 2 });
    expect((await readAll(log)).messages).toHaveLength(2);
  });
});
