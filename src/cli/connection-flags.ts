import { secretOfEnvironment } from '../lib/ui/secret.js';

/** How to get into the ends of the stream, as it was typed. */
export interface ConnectionFlags {
  'source-username'?: string | undefined;
  'source-password-env'?: string | undefined;
  'sink-username'?: string | undefined;
  'sink-password-env'?: string | undefined;
  'token-env'?: string | undefined;
  ca?: string | undefined;
  sasl: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  tenant: string;
  group?: string | undefined;
  'from-checkpoint'?: boolean;
}

/** What an end is opened with: read from the environment once, and never shown. */
interface Access {
  username?: string | undefined;
  password?: string | undefined;
  caFile?: string | undefined;
}

/** The consumer group of a Kafka source. */
export function groupOf({ group, tenant }: ConnectionFlags): string {
  return group ?? `fleet-${tenant}`;
}

export function accessOf(role: 'source' | 'sink', flags: ConnectionFlags): Access {
  const passwordFlag = `${role}-password-env` as const;
  const variable = flags[passwordFlag];
  return {
    username: flags[`${role}-username`],
    password: variable === undefined ? undefined : secretOfEnvironment(variable, passwordFlag),
    caFile: flags.ca,
  };
}
