import helmet from '@fastify/helmet';
import Fastify from 'fastify';

/** Nothing this server sends is a page with parts of its own: a browser may run and frame none of it. */
const SECURITY_HEADERS = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  referrerPolicy: { policy: 'no-referrer' },
} as const;

/** What helmet puts on every answer. It is always the same, so it is made once: polls come by the thousand. */
export async function helmetHeaders(): Promise<Readonly<Record<string, string>>> {
  const bare = Fastify();
  const dressed = Fastify();
  await dressed.register(helmet, SECURITY_HEADERS);
  const headersOf = async (app: typeof bare) => {
    app.get('/', (_request, reply) => reply.send());
    const { headers } = await app.inject('/');
    await app.close();
    return headers;
  };
  const own = await headersOf(bare);
  const all = await headersOf(dressed as unknown as typeof bare);
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (name in own ? [] : [[name, String(value)]])),
  );
}
