import type { FastifyReply, FastifyRequest } from 'fastify';
import type { $ZodType } from 'zod/v4/core';
import type { Permission } from '../access/permissions.js';
import type { DevicePrincipal, OperatorPrincipal, Tenant } from '../access/principal.js';
import type { ServerContext } from '../context.js';

/** Who may call a route. There is no default: a route without a rule does not compile. */
export type Access =
  /** Anybody; tells nothing about any tenant. */
  | { readonly kind: 'public' }
  /** An operator or a token whose role has the permission. */
  | { readonly kind: 'operator'; readonly permission: Permission }
  /** The device that the path names with `{tenant}` and `{controllerId}`, or a gateway of that tenant. */
  | { readonly kind: 'device' };

type PrincipalOf<A extends Access> = A extends { kind: 'operator' }
  ? OperatorPrincipal
  : A extends { kind: 'device' }
    ? DevicePrincipal
    : undefined;

/** What a body has to be. Without one a route takes none. */
export type BodySpec<B = unknown> =
  /** One JSON value; 1 MiB unless said otherwise. */
  | {
      readonly json: $ZodType<B>;
      readonly maxBytes?: number;
      readonly maxValues?: number;
      readonly isOptional?: boolean;
    }
  /** Bytes that the handler reads itself from `request.raw`, or by `request.file()` where they are multipart. */
  | { readonly stream: readonly string[]; readonly maxBytes: number };

export interface RouteSpec<A extends Access, P, Q, B> {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in OpenAPI: `/api/v1/devices/{controllerId}`. */
  readonly path: string;
  readonly access: A;
  /** One sentence for the reference. */
  readonly summary: string;
  /** Checked before anything else; what they do not allow is 400. */
  readonly params?: $ZodType<P>;
  readonly query?: $ZodType<Q>;
  readonly body?: BodySpec<B>;
  /** Successful statuses and what they carry, for the reference; failures are the same everywhere. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly json?: $ZodType }>>;
  /** @returns the JSON of a 200, an {@link Answer}, or `hijacked` after `reply.hijack()` */
  handle(call: Call<PrincipalOf<A>, P, Q, B>): Promise<unknown>;
}

/** A request that may be fulfilled. */
export interface Call<Who, P, Q, B> {
  readonly server: ServerContext;
  readonly principal: Who;
  /** Of the principal; every query is confined to it. */
  readonly tenant: Who extends undefined ? undefined : Tenant;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Milliseconds since 1970, the same all through the request. */
  readonly now: number;
  /** Raised when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  /** Asks again whether they may, for what takes long. @throws ServerFailure as the authenticator does */
  authenticateAgain(): Promise<void>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A route whose types are checked and put away: what tables of routes hold. */
export type RouteDefinition = RouteSpec<Access, unknown, unknown, unknown>;

/** Checks a route against its own schemas. */
export function route<const A extends Access, P = undefined, Q = undefined, B = undefined>(
  spec: RouteSpec<A, P, Q, B>,
): RouteDefinition {
  return spec as unknown as RouteDefinition;
}

/** An answer other than 200 with JSON. */
export class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  /** @param body JSON, a Buffer, a stream, or nothing */
  constructor(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** What a handler returns that has taken the connection over. */
export const hijacked = Symbol('hijacked');

export const PUBLIC = { kind: 'public' } as const;
export const DEVICE = { kind: 'device' } as const;

export function needs<const P extends Permission>(permission: P): { kind: 'operator'; permission: P } {
  return { kind: 'operator', permission };
}
