import type { $ZodType } from 'zod/v4/core';
import { OtaError } from '../core/errors.js';
import type { Pacing } from '../net/pacing.js';
import {
  type DdiArtifact,
  type DdiConfirmationBody,
  type DdiFeedbackBody,
  ddiCancelAction,
  ddiConfirmationBase,
  ddiDeploymentBase,
  ddiPoll,
} from '../wire/ddi.js';
import { abandon, beginPartial, downloadArtifact, type Partial } from './artifact-download.js';
import type { DdiClient, DdiRequest } from './ddi-client.js';
import { artifactsOf, versionOf } from './decide.js';
import type { Outcome, Report, Step, VirtualDevice } from './device.js';
import type { Gate } from './gate.js';
import type { Installer } from './installer.js';
import type { SharedFiles } from './shared-files.js';
import type { RequestKind, Tally } from './tally.js';

const MAX_DETAIL_LENGTH = 512;

/** What steps need of the world. */
export interface World {
  /** `https://host/TENANT/controller/v1/`, the address that ids are put behind. */
  controllers: URL;
  product: string;
  authorizationOf(deviceId: string): string;
  client: DdiClient;
  /** Absent: packages are not verified, only their SHA-256 is. */
  installer: Installer | undefined;
  files: SharedFiles;
  tally: Tally;
  time: Pacing;
  signal: AbortSignal;
  gates: { requests: Gate; downloads: Gate; installations: Gate };
}

/** Does what devices have decided to do. */
export class Performer {
  readonly #world: World;
  /** What devices have of the artifact that they are downloading. */
  readonly #partials = new Map<number, Partial>();

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * @returns how it went; the failures of a device and of a server are outcomes
   * @throws OtaError INTERRUPTED, TERMINATED; of status 6 when this machine fails
   */
  async perform(device: VirtualDevice, step: Step): Promise<Outcome> {
    const { requests, downloads, installations } = this.#world.gates;
    switch (step.do) {
      case 'boot':
        return { type: 'done' };
      case 'download':
        return await downloads.run(() => this.#download(device, step));
      case 'install':
        return await installations.run(() => this.#install(device));
      default:
        return await requests.run(() => this.#request(device, step));
    }
  }

  async #request(
    device: VirtualDevice,
    step: Exclude<Step, { do: 'download' | 'install' | 'boot' }>,
  ): Promise<Outcome> {
    switch (step.do) {
      case 'poll': {
        const got = await this.#ask(device, 'poll', '', ddiPoll);
        return got.type === 'failed' ? got : { type: 'polled', poll: got.value };
      }
      case 'send-attributes': {
        const body = { mode: 'merge', data: attributesOf(this.#world.product, device) };
        return await this.#tell(device, 'attributes', step.href ?? 'configData', body, 'PUT');
      }
      case 'read-deployment': {
        const got = await this.#ask(device, 'deployment', step.href, ddiDeploymentBase);
        return got.type === 'failed' ? got : { ...got.value, type: 'deployment' };
      }
      case 'read-confirmation': {
        const got = await this.#ask(device, 'confirmation', step.href, ddiConfirmationBase);
        if (got.type === 'failed') return got;
        return { type: 'confirmation', id: got.value.id, version: versionOf(got.value.confirmation) };
      }
      case 'answer-confirmation': {
        const body: DdiConfirmationBody = { confirmation: step.agrees ? 'confirmed' : 'denied', details: [] };
        return await this.#tell(device, 'confirmation', `confirmationBase/${step.action}/feedback`, body);
      }
      case 'read-cancel': {
        const got = await this.#ask(device, 'cancel', step.href, ddiCancelAction);
        return got.type === 'failed'
          ? got
          : { type: 'cancel', id: got.value.id, stopId: got.value.cancelAction.stopId };
      }
      case 'accept-cancel': {
        const report: Report = { execution: 'closed', finished: 'success', detail: 'canceled' };
        return await this.#tell(device, 'cancel', `cancelAction/${step.id}/feedback`, this.#feedback(report));
      }
      case 'report': {
        const path = `deploymentBase/${step.action}/feedback`;
        return await this.#tell(device, 'feedback', path, this.#feedback(step.report));
      }
    }
  }

  /** @param href as the server tells it, or a path of our own below the address of the device */
  async #ask<T>(device: VirtualDevice, kind: RequestKind, href: string, schema: $ZodType<T>) {
    const asked = this.#asked(device, kind, href, 'GET');
    if (asked === undefined) return noAddress;
    return await this.#world.client.ask(asked, schema);
  }

  async #tell(device: VirtualDevice, kind: RequestKind, href: string, body: object, method: 'PUT' | 'POST' = 'POST') {
    const asked = this.#asked(device, kind, href, method);
    if (asked === undefined) return noAddress;
    return await this.#world.client.tell({ ...asked, body });
  }

  #asked(device: VirtualDevice, kind: RequestKind, href: string, method: DdiRequest['method']): DdiRequest | undefined {
    const { controllers, authorizationOf } = this.#world;
    const own = `${controllers.href}${encodeURIComponent(device.id)}${href === '' ? '' : '/'}`;
    const url = URL.parse(href, own);
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined;
    return { kind, method, url, authorization: authorizationOf(device.id) };
  }

  #feedback({ execution, finished, detail }: Report): DdiFeedbackBody {
    return {
      timestamp: this.#world.time.now().getTime(),
      status: {
        execution,
        result: { finished },
        details: detail === '' ? [] : [detail.slice(0, MAX_DETAIL_LENGTH)],
      },
    };
  }

  async #download(device: VirtualDevice, step: Extract<Step, { do: 'download' }>): Promise<Outcome> {
    const { authorizationOf, client, installer, files, tally, time, signal } = this.#world;
    const { deployment, fate } = device.action!;
    const artifact = artifactsOf(deployment)[step.artifact]!;
    const url = addressOf(artifact, this.#world.controllers);
    if (url === undefined) return { type: 'refused', detail: `the server tells no address of ${artifact.filename}` };
    const partial = this.#partials.get(device.index) ?? beginPartial(artifact);
    this.#partials.set(device.index, partial);
    const outcome = await downloadArtifact(partial, {
      artifact,
      url,
      authorization: authorizationOf(device.id),
      stopAt: step.stopAt,
      bytesPerSecond: fate.bytesPerSecond,
      files: installer && files,
      client,
      time,
      signal,
      onBytes: (bytes) => {
        tally.receivedBytes += bytes;
      },
    });
    if (outcome.type === 'done') tally.downloads++;
    const goesOn = outcome.type === 'failed' || (outcome.type === 'stopped' && fate.ending !== 'download');
    if (!goesOn) await this.#forget(device);
    return outcome;
  }

  /** A device whose action ended some other way leaves what it has of a download. */
  async forgetDownload(device: VirtualDevice): Promise<void> {
    if (this.#partials.has(device.index)) await this.#forget(device);
  }

  async #forget({ index }: VirtualDevice): Promise<void> {
    const partial = this.#partials.get(index)!;
    this.#partials.delete(index);
    await abandon(partial);
  }

  async #install(device: VirtualDevice): Promise<Outcome> {
    const { installer, signal } = this.#world;
    const { deployment, version } = device.action!;
    let { installed } = device;
    try {
      for (const { hashes, filename } of artifactsOf(deployment)) {
        if (installer === undefined) continue;
        if (hashes.sha256 === undefined) return { type: 'refused', detail: `no SHA-256 of ${filename} is known` };
        const next = await installer.install(device, hashes.sha256, installed, version);
        if (next === undefined) return { type: 'missing' };
        installed = next;
      }
    } catch (error) {
      const isOwn = error instanceof OtaError && error.exitCode !== 6 && !signal.aborted;
      if (!isOwn) throw error;
      return { type: 'refused', detail: `${error.code}: ${error.message}` };
    }
    return { type: 'installed', installed: installed.version === version ? installed : { ...installed, version } };
  }
}

const noAddress = { type: 'failed', error: 'an address that is none' } as const;

/**
 * What a device tells about itself. A server chooses the smallest package by `ota.COMPONENT.sha256`.
 *
 * @see docs/device-attributes.md
 */
export function attributesOf(product: string, device: VirtualDevice): Record<string, string> {
  const { model, hardwareRevision, installed } = device;
  const { components, spares, running, securityCounter } = installed;
  const images = Object.entries(components).map(([name, { sha256 }]) => [`ota.${name}.sha256`, sha256]);
  const others = [...spares].map(([name, sha256]) => [`ota.${name}.spares`, sha256]);
  return {
    product,
    model,
    ...(hardwareRevision !== undefined && { hardwareRevision }),
    version: installed.version,
    ...(running !== undefined && { 'ota.digest': running.digest }),
    'ota.securityCounter': String(securityCounter),
    ...Object.fromEntries([...images, ...others]),
  };
}

/** Over TLS where devices reach the server by TLS. */
function addressOf({ _links: links }: DdiArtifact, { protocol, href }: URL): URL | undefined {
  const [secure, plain] = [links.download?.href, links['download-http']?.href];
  const link = protocol === 'https:' ? (secure ?? plain) : (plain ?? secure);
  const url = link === undefined ? null : URL.parse(link, href);
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}
