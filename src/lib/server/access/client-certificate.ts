import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { HOME_TENANT } from './home-tenant.js';

/** What the certificate of a device says, once an authority that this server knows has signed it. */
export interface ClientCertificate {
  /** Organizational unit; without one, the tenant that the server began with. */
  readonly tenant: string;
  /** Common name. */
  readonly controllerId: string;
}

const read = new WeakMap<TLSSocket, ClientCertificate | 'none'>();

/**
 * The verified certificate of whoever is at the other end.
 *
 * One authority may vouch for devices of several tenants, so the certificate itself must name the tenant: else a
 * device of one would be the device of the same name in another.
 *
 * @returns undefined without one, with one that no known authority has signed or that has expired, or whose subject has
 *   no single common name
 */
export function clientCertificateOf(socket: Socket): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  let certificate = read.get(socket);
  if (certificate === undefined) {
    certificate = certificateOf(socket) ?? 'none';
    read.set(socket, certificate);
  }
  return certificate === 'none' ? undefined : certificate;
}

function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  if (!socket.authorized) return undefined;
  // A name that occurs several times comes as an array: it is not for us to choose one.
  const { CN: controllerId, OU: tenant = HOME_TENANT } = socket.getPeerCertificate().subject ?? {};
  return typeof controllerId === 'string' && typeof tenant === 'string' ? { tenant, controllerId } : undefined;
}
