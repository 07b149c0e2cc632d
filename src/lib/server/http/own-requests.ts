import type { FastifyInstance, InjectOptions } from 'fastify';

export interface OwnAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly body: Buffer;
}

/** Requests that a server sends to itself: through the same routes as all others, and over no network. */
export class OwnRequests {
  #app: FastifyInstance | undefined;

  /** From now on they can be sent. */
  attach(app: FastifyInstance): void {
    this.#app = app;
  }

  async send(request: InjectOptions): Promise<OwnAnswer> {
    if (this.#app === undefined) throw new Error('the server has not been started yet');
    const { statusCode: status, headers, rawPayload: body } = await this.#app.inject(request);
    return { status, headers, body };
  }
}
