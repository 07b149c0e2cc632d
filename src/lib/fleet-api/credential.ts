/** What a request to a server carries to be let in. */
export interface Credential {
  /** Value of the Authorization header. A secret. */
  readonly authorization: string;
}

/** Where the credential comes from, and a new one when the server no longer takes it. */
export interface CredentialSource {
  current(): Promise<Credential>;
  /** @returns another one than `refused`; undefined when there is none */
  renew(refused: Credential): Promise<Credential | undefined>;
}

/** One that cannot be renewed: an API token. */
export function bearer(token: string): CredentialSource {
  const credential = { authorization: `Bearer ${token}` };
  return { current: async () => credential, renew: async () => undefined };
}

/** A name and a password, as hawkBit takes them (RFC 7617). */
export function basic(name: string, password: string): CredentialSource {
  const credential = { authorization: basicAuthorization(name, password) };
  return { current: async () => credential, renew: async () => undefined };
}

export function basicAuthorization(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}
