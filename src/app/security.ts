// Opens what guards the service: the API keys, looked at again every second, and the audit log.
import { readFile } from 'node:fs/promises';
import type { Config } from '../config.js';
import type { TlsFiles } from '../http/server.js';
import { AuditLog } from '../security/audit-log.js';
import { KeyRing } from '../security/key-ring.js';
import type { Log } from './inference.js';

export interface Security {
  /** undefined: no keys are asked for. */
  readonly keys: KeyRing | undefined;
  readonly audit: AuditLog | undefined;
  readonly onAuditFailure: (error: unknown) => void;
  close(): Promise<void>;
}

const RELOAD_EVERY_MS = 1000;

/** Throws an Error of one line naming the variable and the file. */
export async function openSecurity(config: Config, log: Log): Promise<Security> {
  const { apiKeysFile, auditFile } = config;
  const audit =
    auditFile === undefined ? undefined : await AuditLog.open({ path: auditFile, now: () => new Date() });
  const onAuditFailure = (error: unknown) => log.error({ err: error }, 'the audit log cannot be written');
  const note = (action: string, facts: object) =>
    void audit?.append({ action, ...facts }).catch(onAuditFailure);
  if (apiKeysFile === undefined)
    return { keys: undefined, audit, onAuditFailure, close: async () => audit?.close() };

  const keys = await KeyRing.open({
    path: apiKeysFile,
    onReloaded: (ids) => {
      log.info({ ids }, 'the API keys were read anew and are in force');
      note('keys.reloaded', { keys: ids });
    },
    onBroken: (error) => {
      log.error(
        { err: error },
        'the file of API keys changed and cannot be used; those from before stay in force',
      );
      note('keys.broken', { detail: error.message });
    },
  }).catch(async (error: unknown) => {
    await audit?.close();
    throw error;
  });
  const timer = setInterval(() => void keys.refresh(), RELOAD_EVERY_MS).unref();
  return {
    keys,
    audit,
    onAuditFailure,
    close: async () => {
      clearInterval(timer);
      await audit?.close();
    },
  };
}

/** undefined: plain HTTP. Throws an Error of one line naming the variable and the file. */
export async function readTls(config: Config): Promise<TlsFiles | undefined> {
  const { tlsFiles: tls } = config;
  if (tls === undefined) return undefined;
  const read = (variable: string, path: string) =>
    readFile(path).catch((cause: Error) => {
      throw new Error(`${variable}: ${path} cannot be read: ${cause.message}`, { cause });
    });
  const cert = await read('TLS_CERT_FILE', tls.certFile);
  const key = await read('TLS_KEY_FILE', tls.keyFile);
  const minVersion = 'TLSv1.2';
  if (tls.clientCaFile === undefined) return { cert, key, minVersion };
  const ca = await read('TLS_CLIENT_CA_FILE', tls.clientCaFile);
  return { cert, key, minVersion, ca, requestCert: true, rejectUnauthorized: true };
}
