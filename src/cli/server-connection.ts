import { resolve } from 'node:path';
import { Flags } from '@oclif/core';
import type { Profile } from '../lib/fleet-api/profiles.js';
import { type HttpPolicy, httpPolicyFromEnvironment } from '../lib/net/http-policy.js';

const GROUP = 'SERVER';

/** How a connection to a fleet server is made. */
export const connectionFlags = {
  ca: Flags.file({
    summary: "Authorities of the server's certificate, PEM, instead of the public ones.",
    helpValue: 'FILE',
    helpGroup: GROUP,
  }),
  'client-cert': Flags.file({
    summary: 'Certificate that this machine shows the server, PEM.',
    helpValue: 'FILE',
    helpGroup: GROUP,
    dependsOn: ['client-key'],
  }),
  'client-key': Flags.file({
    summary: 'Private key of the certificate, PEM.',
    helpValue: 'FILE',
    helpGroup: GROUP,
    dependsOn: ['client-cert'],
  }),
  'insecure-http': Flags.boolean({
    summary: 'Send credentials without TLS to another machine.',
    default: false,
    helpGroup: GROUP,
  }),
};

/** Files that a connection is made with. */
export interface ConnectionFiles {
  readonly ca?: string | undefined;
  readonly 'client-cert'?: string | undefined;
  readonly 'client-key'?: string | undefined;
}

/** Proxies as everywhere; the token that OTA_HTTP_TOKEN holds for downloads is not for fleet servers. */
export function fleetPolicy(
  environment: Readonly<Record<string, string | undefined>>,
  files: ConnectionFiles,
): HttpPolicy {
  const policy = httpPolicyFromEnvironment({ ...environment, OTA_HTTP_TOKEN: undefined });
  const { ca, 'client-cert': cert, 'client-key': key } = files;
  return {
    ...policy,
    ...(ca !== undefined && { caFile: resolve(ca) }),
    ...(cert !== undefined && { clientCertFile: resolve(cert) }),
    ...(key !== undefined && { clientKeyFile: resolve(key) }),
  };
}

/** What a profile keeps of them. */
export function keptFiles(files: ConnectionFiles): Pick<Profile, 'ca' | 'clientCert' | 'clientKey'> {
  const { ca, 'client-cert': cert, 'client-key': key } = files;
  return {
    ...(ca !== undefined && { ca: resolve(ca) }),
    ...(cert !== undefined && { clientCert: resolve(cert) }),
    ...(key !== undefined && { clientKey: resolve(key) }),
  };
}

/** Those of a profile, where flags say nothing else. */
export function filesOf({ ca, clientCert, clientKey }: Profile, flags: ConnectionFiles = {}): ConnectionFiles {
  return {
    ca: flags.ca ?? ca,
    'client-cert': flags['client-cert'] ?? clientCert,
    'client-key': flags['client-key'] ?? clientKey,
  };
}
