import type { RunningService } from './service.mjs';

export interface SwupdateOptions {
  /** Of the server, without a path. */
  readonly url: string;
  readonly tenant: string;
  /** The controller id. */
  readonly id: string;
  readonly targetToken?: string;
  readonly gatewayToken?: string;
  /** What it tells the server about itself when it is asked. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** The start after the one that installed: what it reports of the update. */
  readonly confirm?: 'success' | 'failure';
}

export function installedImage(directory: string): string;

export function makeUpdate(
  directory: string,
  release: { readonly version: string; readonly image: Uint8Array },
): string;

export function startSwupdate(directory: string, options: SwupdateOptions): Promise<RunningService>;
