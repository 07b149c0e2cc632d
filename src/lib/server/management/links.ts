import type { FastifyRequest } from 'fastify';

export interface Link {
  readonly href: string;
  readonly name?: string;
}

/** Makes absolute links to the same server, by the name that the client knows it by. */
export type LinkMaker = (path: string, name?: string) => Link;

export function linksOf({ protocol, host }: Pick<FastifyRequest, 'protocol' | 'host'>): LinkMaker {
  return (path, name) => ({ href: `${protocol}://${host}/rest/v1${path}`, ...(name !== undefined && { name }) });
}

/** A part of a path that names something. */
export function pathPart(name: string): string {
  return encodeURIComponent(name);
}
