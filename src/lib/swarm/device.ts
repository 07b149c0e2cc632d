import type { DdiDeployment, DdiExecution, DdiPoll, DdiResult } from '../wire/ddi.js';
import type { UpdateFate } from './fate.js';
import type { Installed } from './installed.js';

/** How far a device is with an update. */
export const PHASES = [
  'idle',
  'accepted',
  'downloading',
  'downloaded',
  'installing',
  'rebooting',
  'stuck',
  'rejected',
] as const;
export type Phase = (typeof PHASES)[number];

/** What came of the last try to reach the server; `offline` is on purpose. */
export const CONTACTS = ['none', 'served', 'refused', 'unknown', 'lost', 'offline'] as const;
export type Contact = (typeof CONTACTS)[number];

/** An update that the server wants. */
export interface Action {
  readonly id: string;
  readonly version: string;
  readonly deployment: DdiDeployment;
  readonly fate: UpdateFate;
  /** Artifacts that have arrived. */
  readonly arrived: number;
  /** The cut that its fate holds has happened. */
  readonly wasCut: boolean;
  /** What the device has once it has confirmed the update; known when the installation is done. */
  readonly result?: Installed;
}

/** A virtual device between two steps. A value: each step makes the next one. */
export interface VirtualDevice {
  readonly index: number;
  readonly id: string;
  readonly model: string;
  readonly hardwareRevision: string | undefined;
  readonly installed: Installed;
  readonly phase: Phase;
  readonly contact: Contact;
  readonly action: Action | undefined;
  /** How the last action ended, to tell it again to a server that missed it. */
  readonly closed: { readonly id: string; readonly report: Report } | undefined;
  /** Action that somebody at the device has turned down. */
  readonly declined: string | undefined;
  /** Links of the last poll that were not followed yet. */
  readonly links: DdiPoll['_links'];
  /** Whether what it last told about itself has changed since. */
  readonly hasNews: boolean;
  readonly sleepMs: number;
  readonly polls: number;
  /** Requests in a row that failed. */
  readonly failures: number;
  /** Attempts to install, by version. */
  readonly attempts: Readonly<Record<string, number>>;
}

/** What a device says about an action. */
export interface Report {
  readonly execution: DdiExecution;
  readonly finished: DdiResult;
  readonly detail: string;
}

/** What a device does next: one request, or the work between two of them. */
export type Step =
  | { readonly do: 'poll' }
  | { readonly do: 'send-attributes'; readonly href?: string | undefined }
  | { readonly do: 'read-deployment'; readonly href: string }
  | { readonly do: 'read-confirmation'; readonly href: string }
  | { readonly do: 'answer-confirmation'; readonly action: string; readonly agrees: boolean }
  | { readonly do: 'read-cancel'; readonly href: string }
  | { readonly do: 'accept-cancel'; readonly id: string; readonly stopId: string }
  | { readonly do: 'report'; readonly action: string; readonly report: Report }
  | { readonly do: 'download'; readonly artifact: number; readonly stopAt: number | undefined }
  | { readonly do: 'install' }
  | { readonly do: 'boot' };

/** How a step went. */
export type Outcome =
  | { readonly type: 'polled'; readonly poll: DdiPoll }
  | { readonly type: 'done' }
  | { readonly type: 'deployment'; readonly id: string; readonly deployment: DdiDeployment }
  | { readonly type: 'confirmation'; readonly id: string; readonly version: string }
  | { readonly type: 'cancel'; readonly id: string; readonly stopId: string }
  /** The device stopped where its step says. */
  | { readonly type: 'stopped'; readonly receivedBytes: number }
  | { readonly type: 'installed'; readonly installed: Installed }
  /** What another device was to keep for all of them did not arrive. */
  | { readonly type: 'missing' }
  /** The device itself refuses what it got: a hash, a signature, policy. */
  | { readonly type: 'refused'; readonly detail: string }
  /** The request failed; `status` is absent where there was no answer, and `error` then says why. */
  | {
      readonly type: 'failed';
      readonly status?: number | undefined;
      readonly error?: string | undefined;
      readonly retryAfterMs?: number | undefined;
    };

/** What is to happen, and after how long. */
export interface Decision {
  readonly device: VirtualDevice;
  readonly step: Step;
  readonly inMs: number;
  /** An update that ended with this step. */
  readonly ended?: UpdateEnd | undefined;
}

export interface UpdateEnd {
  readonly action: string;
  readonly version: string;
  readonly result: 'success' | 'failure' | 'canceled' | 'rejected' | 'stuck' | 'gone';
  readonly detail: string;
}
