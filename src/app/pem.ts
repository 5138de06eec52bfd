// Reads a PEM file that TLS needs, and tries it: a mistake is told at the start, with the variable and the file.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * The file as the option that `optionOf` makes of it; a key's option carries its certificate.
 * Throws an Error of one line that names `variable`: the file cannot be read, or TLS cannot use it.
 */
export async function readPem<T extends SecureContextOptions>(
  variable: string,
  path: string,
  optionOf: (pem: string) => T,
): Promise<T> {
  const fail = (what: string, cause: unknown) =>
    new Error(`${variable}=${path}: it ${what} (${(cause as Error).message})`, { cause });
  const pem = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fail('cannot be read', cause);
  });
  const option = optionOf(pem);
  try {
    if (option.ca !== undefined) assertCertificates(pem);
    createSecureContext(option);
  } catch (cause) {
    throw fail('cannot be used for TLS', cause);
  }
  return option;
}

/** Node passes over an authority that it cannot read, and every certificate is refused later, for no reason given. */
function assertCertificates(pem: string): void {
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new Error('there is no certificate in it');
  for (const certificate of certificates) new X509Certificate(certificate);
}
