import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

type Json = ReturnType<typeof JSON.parse>;

/**
 * A server behind the manners of hawkBit before 0.10, as its sources have them: no `stop`; `status` in filters of actions
 * says whether they are active, and `detailstatus` how they stand; devices of a tag are objects; verbs answer 200; figures of rollouts go on counting
 * devices that were deleted, and do not tell who had the set before.
 */
export async function oldHawkbit(server: { readonly url: string }): Promise<{ address: string; end(): Promise<void> }> {
  const relay = createServer(async (request, response) => {
    const url = new URL(request.url!, server.url);
    const refused = refusalOf(request.method!, url);
    if (refused !== undefined) {
      response.writeHead(refused, { 'content-type': 'application/json' }).end(refusalBody(refused));
      return;
    }
    const q = url.searchParams.get('q');
    if (isActions(url) && q !== null) url.searchParams.set('q', newWords(q));
    const sent = await buffer(request);
    const body = isTagging(url) && request.method === 'POST' ? namesOf(sent) : sent;
    if (body === undefined) {
      response.writeHead(400, { 'content-type': 'application/json' }).end(refusalBody(400));
      return;
    }
    const answer = await fetch(url, {
      method: request.method!,
      headers: Object.fromEntries(
        ['authorization', 'content-type', 'accept'].flatMap((name) => {
          const value = request.headers[name];
          return typeof value === 'string' ? [[name, value]] : [];
        }),
      ),
      ...(body.length > 0 && { body: new Uint8Array(body) }),
    });
    const text = await answer.text();
    const status = answer.status === 204 ? 200 : answer.status;
    const isJson = text !== '' && answer.headers.get('content-type')?.includes('json');
    response
      .writeHead(status, { 'content-type': 'application/hal+json' })
      .end(isJson ? JSON.stringify(oldBody(JSON.parse(text))) : text);
  }).listen(0, '127.0.0.1');
  await new Promise((done) => relay.once('listening', done));
  return {
    address: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    end: () => new Promise((done) => relay.close(() => done()).closeAllConnections()),
  };
}

const isTagging = ({ pathname }: URL) => /\/targettags\/\d+\/assigned$/.test(pathname);

function namesOf(body: Buffer): Buffer | undefined {
  const devices = JSON.parse(body.toString()) as { controllerId?: string }[];
  if (devices.some(({ controllerId }) => controllerId === undefined)) return undefined;
  return Buffer.from(JSON.stringify(devices.map(({ controllerId }) => controllerId)));
}

const isActions = ({ pathname }: URL) => pathname === '/rest/v1/actions';

function refusalOf(method: string, url: URL): number | undefined {
  if (method === 'POST' && /\/rollouts\/\d+\/stop$/.test(url.pathname)) return 404;
  if (method === 'PUT' && isTagging(url)) return 405;
  const q = url.searchParams.get('q') ?? '';
  if (!isActions(url)) return undefined;
  return /(^|;)(active|lastModifiedAt)\b/.test(q) || /(^|;)status==(?!pending|finished(;|$))/.test(q) ? 400 : undefined;
}

function refusalBody(status: number): string {
  const errorCode = 'hawkbit.server.error.rest.param.rsqlParamSyntax';
  return JSON.stringify(
    status === 404 ? { status, error: 'Not Found', path: '/' } : { errorCode, message: 'no such field' },
  );
}

function newWords(q: string): string {
  return q
    .replace(/(^|;)status==pending/, '$1active==true')
    .replace(/(^|;)status==finished/, '$1active==false')
    .replace(/(^|;)detailstatus==/i, '$1status==');
}

function oldBody(body: Json): Json {
  if (Array.isArray(body?.content)) return { ...body, content: body.content.map(oldBody) };
  if (body?.forceType !== undefined) {
    const { active, ...action } = body;
    return { ...action, status: active ? 'pending' : 'finished' };
  }
  if (body?.totalTargetsPerStatus === undefined) return body;
  const { alreadyAssigned: _, ...rollout } = body;
  const { notstarted: __, ...told } = body.totalTargetsPerStatus as Record<string, number>;
  const others = Object.values(told).reduce((sum, count) => sum + count, 0);
  return { ...rollout, totalTargetsPerStatus: { ...told, notstarted: Math.max(0, body.totalTargets - others) } };
}
