import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const crypto = webcrypto as Crypto;

export interface ServerCertificate {
  cert: string;
  key: string;
  serialNumber: string;
}

/** A certificate authority that lives for one test file. */
export interface Authority {
  pem: string;
  /** @param options.subject instead of the host as common name, for example `CN=device, OU=tenant` */
  issue(options?: { host?: string; expired?: boolean; subject?: string }): Promise<ServerCertificate>;
  /** A revocation list, PEM. */
  revoke(serialNumbers: string[]): Promise<string>;
}

export async function createAuthority(name: string): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: `CN=${name}`,
      notBefore: daysFromNow(-2),
      notAfter: daysFromNow(2),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    crypto,
  );
  let issued = 1;
  return {
    pem: certificate.toString('pem'),
    issue: async ({ host = 'localhost', expired = false, subject = `CN=${host}` } = {}) => {
      issued++;
      return issue({ certificate, signingKey: keys.privateKey }, `0${issued}`, { host, expired, subject });
    },
    revoke: async (serialNumbers) => {
      const list = await X509CrlGenerator.create(
        {
          issuer: certificate.subject,
          thisUpdate: daysFromNow(-1),
          nextUpdate: daysFromNow(1),
          signingAlgorithm: ALGORITHM,
          signingKey: keys.privateKey,
          entries: serialNumbers.map((serialNumber) => ({
            serialNumber,
            revocationDate: daysFromNow(-1),
            reason: X509CrlReason.keyCompromise,
          })),
        },
        crypto,
      );
      return list.toString('pem').replaceAll('CRL-----', 'X509 CRL-----'); // the label of RFC 7468, section 6
    },
  };
}

async function issue(
  { certificate: authority, signingKey }: { certificate: X509Certificate; signingKey: CryptoKey },
  serialNumber: string,
  { host, expired, subject }: { host: string; expired: boolean; subject: string },
): Promise<ServerCertificate> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber,
      subject,
      issuer: authority.subject,
      notBefore: daysFromNow(-2),
      notAfter: daysFromNow(expired ? -1 : 1),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: host }])],
    },
    crypto,
  );
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    serialNumber: certificate.serialNumber,
  };
}

function newKeys() {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}
