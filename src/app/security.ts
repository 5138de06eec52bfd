// Opens what guards the service: API keys and keys of tokens, looked at again every second, and the audit log.
import type { Config } from '../config.js';
import type { TlsFiles } from '../http/server.js';
import { AuditLog } from '../security/audit-log.js';
import type { Identify } from '../security/caller.js';
import { KeyRing } from '../security/key-ring.js';
import type { Tokens } from '../security/tokens.js';
import type { Log } from './inference.js';
import { readPem } from './pem.js';

export interface Security {
  /** undefined: nobody is asked who they are. */
  readonly identify: Identify | undefined;
  readonly keys: KeyRing | undefined;
  readonly tokens: Tokens | undefined;
  readonly audit: AuditLog | undefined;
  readonly onAuditFailure: (error: unknown) => void;
  close(): Promise<void>;
}

const RELOAD_EVERY_MS = 1000;

/** Throws an Error of one line naming the variable and the file. */
export async function openSecurity(config: Config, log: Log): Promise<Security> {
  const { auditFile } = config;
  const audit =
    auditFile === undefined ? undefined : await AuditLog.open({ path: auditFile, now: () => new Date() });
  const onAuditFailure = (error: unknown) => log.error({ err: error }, 'the audit log cannot be written');
  const note = (action: string, facts: object) =>
    void audit?.append({ action, ...facts }).catch(onAuditFailure);
  try {
    const keys = await openKeys(config, log, note);
    const tokens = await openTokens(config, log, note);
    const timer = setInterval(() => {
      void keys?.refresh();
      void tokens?.refresh();
    }, RELOAD_EVERY_MS).unref();
    const close = async () => {
      clearInterval(timer);
      await audit?.close();
    };
    return { identify: identifyBy(keys, tokens), keys, tokens, audit, onAuditFailure, close };
  } catch (error) {
    await audit?.close();
    throw error;
  }
}

/** A key first: that is decided without arithmetic on what a stranger sent. */
function identifyBy(keys: KeyRing | undefined, tokens: Tokens | undefined): Identify | undefined {
  if (tokens === undefined) return keys && ((secret, nowMs) => keys.identify(secret, nowMs));
  return (secret, nowMs) => keys?.identify(secret, nowMs) ?? tokens.identify(secret, nowMs);
}

type Note = (action: string, facts: object) => void;

async function openKeys({ apiKeysFile }: Config, log: Log, note: Note): Promise<KeyRing | undefined> {
  if (apiKeysFile === undefined) return undefined;
  return KeyRing.open({
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
  });
}

async function openTokens({ jwt }: Config, log: Log, note: Note): Promise<Tokens | undefined> {
  if (jwt === undefined) return undefined;
  // Not above: without tokens nothing needs the library they are checked with.
  const { Tokens } = await import('../security/tokens.js');
  return Tokens.open({
    path: jwt.jwksFile,
    rules: jwt,
    onReloaded: (kids) => {
      log.info({ kids }, 'the keys of tokens were read anew and are in force');
      note('jwks.reloaded', { kids });
    },
    onBroken: (error) => {
      log.error(
        { err: error },
        'the file of keys of tokens changed and cannot be used; those from before stay in force',
      );
      note('jwks.broken', { detail: error.message });
    },
  });
}

/** undefined: plain HTTP. Throws an Error of one line naming the variable and the file. */
export async function readTls(config: Config): Promise<TlsFiles | undefined> {
  const { tlsFiles: tls } = config;
  if (tls === undefined) return undefined;
  const cert = await readPem('TLS_CERT_FILE', tls.certFile, (pem) => ({ cert: pem }));
  const own = await readPem('TLS_KEY_FILE', tls.keyFile, (pem) => ({ ...cert, key: pem }));
  const minVersion = 'TLSv1.2';
  if (tls.clientCaFile === undefined) return { ...own, minVersion };
  const ca = await readPem('TLS_CLIENT_CA_FILE', tls.clientCaFile, (pem) => ({ ca: pem }));
  return { ...own, ...ca, minVersion, requestCert: true, rejectUnauthorized: true };
}
