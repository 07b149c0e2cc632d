import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { throwIfAborted } from '../../core/abort.js';
import { checkSchema } from '../../core/schema.js';
import { clientFailure } from '../../fleet-api/client-failure.js';
import type { FleetClient, FleetRequest, OpenAnswer } from '../../fleet-api/fleet-client.js';
import type { OwnAnswer, OwnRequests } from '../http/own-requests.js';

/** Of messages: nobody outside sees it. */
const SERVER = 'fleet:';

type Method = Parameters<FleetClient['call']>[0];

/**
 * A client of the server within itself: what a campaign does here is asked for, allowed, checked and written down as if it
 * came from outside.
 */
export class OwnClient implements FleetClient {
  readonly server = SERVER;
  readonly #requests: OwnRequests;
  readonly #authorization: () => string;

  /** @param authorization value of the header: that of a caller, or from `CampaignGrants.issue` */
  constructor(requests: OwnRequests, authorization: () => string) {
    this.#requests = requests;
    this.#authorization = authorization;
  }

  async call<T>(method: Method, path: string, options: FleetRequest<T> = {}): Promise<T> {
    const { body } = await this.#send(method, path, options);
    if (options.answer === undefined) return undefined as T;
    const context = { code: 'HTTP_STATUS', name: `${method} ${SERVER}${path}` } as const;
    return checkSchema(options.answer, JSON.parse(body.toString('utf8')), context);
  }

  async open(method: Method, path: string, options: Omit<FleetRequest, 'answer'> = {}): Promise<OpenAnswer> {
    const { headers, body } = await this.#send(method, path, options);
    return { headers: headers as IncomingHttpHeaders, body: Readable.from([body]) };
  }

  async #send(method: Method, path: string, options: Omit<FleetRequest, 'answer'>): Promise<OwnAnswer> {
    const { query = {}, json, body, headers = {}, signal } = options;
    throwIfAborted(signal);
    const known = Object.entries(query).filter(([, value]) => value !== undefined);
    const answer = await this.#requests.send({
      method,
      url: path,
      query: Object.fromEntries(known.map(([name, value]) => [name, String(value)])),
      headers: {
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
        authorization: this.#authorization(),
      },
      ...(json === undefined ? body !== undefined && { payload: asPayload(body) } : { payload: JSON.stringify(json) }),
    });
    throwIfAborted(signal);
    if (answer.status >= 200 && answer.status < 400) return answer;
    throw clientFailure(answer.status, jsonOf(answer.body), `${method} ${SERVER}${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function asPayload(body: Readable | Uint8Array): Readable | Buffer {
  return body instanceof Uint8Array ? Buffer.from(body) : body;
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
