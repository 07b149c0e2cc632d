import { randomBytes } from 'node:crypto';
import type { Database } from '../database/database.js';

/** A key of 32 bytes that all processes of a server share; made by the first that asks. */
export async function serverSecret({ sql }: Database, name: string): Promise<Buffer> {
  await sql
    .insertInto('server_secret')
    .values({ name, value: randomBytes(32).toString('base64') })
    .onConflict((known) => known.column('name').doNothing())
    .execute();
  const { value } = await sql
    .selectFrom('server_secret')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return Buffer.from(value, 'base64');
}
