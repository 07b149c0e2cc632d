import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What one device was offered, and what it said about it. */
export interface OfferedAction {
  id: string;
  device: string;
  version: string;
  artifact: Buffer;
  update: 'skip' | 'forced';
  needsConfirmation: boolean;
  isCanceled: boolean;
  isActive: boolean;
  /** `execution finished` of each report, in order. */
  reports: string[];
  details: string[];
}

/** Answers a request in place of the server; true when it did. */
export type Interception = (request: IncomingMessage, response: ServerResponse) => boolean;

/** As much of a hawkBit as devices see of one, in this process. */
export class DdiServer implements AsyncDisposable {
  readonly tenant = 'DEFAULT';
  readonly gatewayToken = 'gateway';
  readonly operator = `Basic ${Buffer.from('admin:admin').toString('base64')}`;
  readonly tokens = new Map<string, string>();
  readonly attributes = new Map<string, Record<string, string>>();
  readonly actions: OfferedAction[] = [];
  /** Lines of telemetry, by the path that they were posted to. */
  readonly telemetry: { path: string; message: Record<string, unknown> }[] = [];
  /** `method kind status` of every request, without query. */
  readonly log: string[] = [];
  readonly ranges: string[] = [];
  sleep = '00:00:10';
  /** Of artifacts, that a deployment names. */
  hashNames: ('sha256' | 'sha1' | 'md5')[] = ['sha256', 'sha1', 'md5'];
  intercept: Interception = () => false;
  /** What a device gets when it polls for the first time. */
  onFirstPoll: (device: string) => void = () => {};
  readonly #server: Server;
  readonly #polled = new Set<string>();

  private constructor() {
    this.#server = createServer((request, response) => {
      response.on('close', () => this.log.push(`${request.method} ${kindOf(request.url!)} ${response.statusCode}`));
      if (this.intercept(request, response)) return;
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<DdiServer> {
    const server = new DdiServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  offer(device: string, artifact: Buffer, changes: Partial<OfferedAction> = {}): OfferedAction {
    const action: OfferedAction = {
      id: String(this.actions.length + 1),
      device,
      version: '2.0.0',
      artifact,
      update: 'forced',
      needsConfirmation: false,
      isCanceled: false,
      isActive: true,
      reports: [],
      details: [],
      ...changes,
    };
    this.actions.push(action);
    return action;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const body = await buffer(request);
    const { pathname } = new URL(request.url!, this.url);
    const { authorization } = request.headers;
    if (pathname === '/rest/v1/targets' || pathname.startsWith('/rest/v1/targets/')) {
      return this.#manage(request, response, body);
    }
    if (pathname.includes('/telemetry')) return this.#keepTelemetry(pathname, body, response);
    const [, tenant, , , id = '', ...rest] = pathname.split('/');
    const device = decodeURIComponent(id);
    if (tenant !== this.tenant) return end(response, 404);
    const isKnown = this.tokens.has(device) && authorization === `TargetToken ${this.tokens.get(device)}`;
    if (!isKnown && authorization !== `GatewayToken ${this.gatewayToken}`) return end(response, 401);
    return this.#device(device, rest, request, response, body);
  }

  #manage(request: IncomingMessage, response: ServerResponse, body: Buffer): unknown {
    if (request.headers.authorization !== this.operator) return end(response, 401);
    const json = JSON.parse(body.toString());
    if (request.method === 'PUT') {
      this.tokens.set(request.url!.split('/').at(-1)!, json.securityToken);
      return end(response, 200, {});
    }
    const targets: { controllerId: string; securityToken: string }[] = json;
    if (targets.some(({ controllerId }) => this.tokens.has(controllerId))) return end(response, 409, {});
    for (const { controllerId, securityToken } of targets) this.tokens.set(controllerId, securityToken);
    return end(response, 201, targets);
  }

  #keepTelemetry(path: string, body: Buffer, response: ServerResponse): void {
    const lines = body.toString().split('\n');
    this.telemetry.push(...lines.map((line) => ({ path, message: JSON.parse(line) })));
    end(response, 200, { accepted: lines.length, duplicates: 0, conflicts: 0, refused: 0, problems: [] });
  }

  #device(device: string, path: string[], request: IncomingMessage, response: ServerResponse, body: Buffer): unknown {
    const base = `${this.url.origin}/${this.tenant}/controller/v1/${encodeURIComponent(device)}`;
    const [resource, id, leaf] = path;
    const action = this.actions.find((one) => one.device === device && one.id === id);
    const json = body.length > 0 ? JSON.parse(body.toString()) : undefined;
    switch (resource) {
      case undefined:
        return this.#poll(device, base, response);
      case 'configData':
        this.attributes.set(device, json.data);
        return end(response, 200);
      case 'artifact':
        return sendFile(this.actions.find((one) => one.id === id)!.artifact, request, response, this.ranges);
    }
    if (action === undefined) return end(response, 404);
    if (!action.isActive) return end(response, 410);
    if (leaf === 'feedback') {
      this.#report(action, resource!, json);
      return end(response, 200);
    }
    if (resource === 'cancelAction') return end(response, 200, { id: action.id, cancelAction: { stopId: action.id } });
    const deployment = { download: 'forced', update: action.update, chunks: [chunkOf(action, base, this.hashNames)] };
    const key = resource === 'confirmationBase' ? 'confirmation' : 'deployment';
    return end(response, 200, { id: action.id, [key]: deployment });
  }

  #poll(device: string, base: string, response: ServerResponse): void {
    if (!this.#polled.has(device)) {
      this.#polled.add(device);
      this.onFirstPoll(device);
    }
    const links: Record<string, { href: string }> = {};
    const action = this.actions.find((one) => one.device === device && one.isActive);
    if (!this.attributes.has(device)) links.configData = { href: `${base}/configData` };
    if (action?.isCanceled) links.cancelAction = { href: `${base}/cancelAction/${action.id}` };
    else if (action?.needsConfirmation) links.confirmationBase = { href: `${base}/confirmationBase/${action.id}?c=-1` };
    else if (action !== undefined) links.deploymentBase = { href: `${base}/deploymentBase/${action.id}?c=-12` };
    end(response, 200, { config: { polling: { sleep: this.sleep } }, _links: links });
  }

  #report(action: OfferedAction, resource: string, json: { confirmation?: string; status: never }): void {
    if (resource === 'confirmationBase') {
      action.reports.push(json.confirmation!);
      if (json.confirmation === 'confirmed') action.needsConfirmation = false;
      return;
    }
    const { execution, result, details } = json.status as {
      execution: string;
      result: { finished: string };
      details: string[];
    };
    action.reports.push(`${resource === 'cancelAction' ? 'cancel ' : ''}${execution} ${result.finished}`);
    action.details.push(...details);
    if (execution === 'closed') action.isActive = false;
  }
}

function chunkOf({ id, version, artifact }: OfferedAction, base: string, hashNames: readonly string[]): object {
  const hashes = Object.fromEntries(hashNames.map((name) => [name, hash(name, artifact)]));
  const _links = { 'download-http': { href: `${base}/artifact/${id}` } };
  const artifacts = [{ filename: `meter-${version}.ota`, size: artifact.length, hashes, _links }];
  return { part: 'os', name: 'meter', version, artifacts };
}

function sendFile(file: Buffer, request: IncomingMessage, response: ServerResponse, ranges: string[]): void {
  const etag = `"${hash('sha1', file)}"`;
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  if (from === undefined) {
    response.writeHead(200, { etag, 'content-length': file.length }).end(file);
    return;
  }
  ranges.push(request.headers.range!);
  const rest = file.subarray(Number(from));
  const range = `bytes ${from}-${file.length - 1}/${file.length}`;
  response.writeHead(206, { etag, 'content-length': rest.length, 'content-range': range }).end(rest);
}

function end(response: ServerResponse, status: number, json?: object): void {
  response.writeHead(status, { 'content-type': 'application/hal+json' });
  response.end(json === undefined ? undefined : JSON.stringify(json));
}

/** `poll`, or the last name in the path that is no id. */
function kindOf(url: string): string {
  const [, , api, , , ...rest] = new URL(url, 'http://h').pathname.split('/');
  if (api !== 'controller') return 'other';
  return rest.length === 0 ? 'poll' : rest.filter((part) => !/^\d+$/.test(part)).join(' ');
}
