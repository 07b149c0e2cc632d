import type { RunningService } from './service.mjs';

export const LOGIN: { readonly username: string; readonly password: string };

export interface RunningPostgres extends RunningService {
  /** `postgres://…` of its superuser. */
  readonly url: string;
  /** Makes an empty database: its `postgres://…`. */
  createDatabase(): Promise<string>;
}

export function startPostgres(
  directory: string,
  options?: { readonly durable?: boolean; readonly settings?: Readonly<Record<string, string | number>> },
): Promise<RunningPostgres>;
