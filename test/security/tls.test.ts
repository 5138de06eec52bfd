// TLS over real sockets: who is let in, and who is not.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { openApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { type RunningService, startService } from '../support/service.js';
import { fixturesDir } from '../support/tiny-bundle.js';

const file = (name: string) => join(fixturesDir, 'tls', name);
const bytes = (name: string) => readFileSync(file(name));
const TLS = { TLS_CERT_FILE: file('server.pem'), TLS_KEY_FILE: file('server.key') };

let service: RunningService;
afterEach(() => service?.close());

interface Secured {
  readonly status: number | undefined;
  readonly hsts: string | undefined;
}

function get(options: object): Promise<Secured> {
  return new Promise((resolve, reject) => {
    const asked = {
      host: '127.0.0.1',
      port: service.port,
      path: '/health/live',
      ca: bytes('ca.pem'),
      agent: false,
    };
    request({ ...asked, ...options }, (response) => {
      response.resume();
      resolve({ status: response.statusCode, hsts: response.headers['strict-transport-security'] });
    })
      .once('error', reject)
      .end();
  });
}

describe('the service with a certificate', () => {
  it('speaks TLS 1.2 and newer, and nothing else', async () => {
    service = await startService(TLS);
    expect(await get({})).toEqual({ status: 200, hsts: 'max-age=31536000' });
    await expect(get({ ca: [] })).rejects.toThrow(/self-signed|unable to/);
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(get(old)).rejects.toThrow(/alert|protocol/i);
    await expect(fetch(`${service.url}/health/live`)).rejects.toThrow();
  });

  it('lets nobody in without a certificate of the authority it is given', async () => {
    service = await startService({ ...TLS, TLS_CLIENT_CA_FILE: file('ca.pem') });
    const own = { cert: bytes('client.pem'), key: bytes('client.key') };
    expect(await get(own)).toMatchObject({ status: 200 });
    await expect(get({})).rejects.toThrow(/certificate required|ECONNRESET|alert|hang up/i);
  });

  it.each([
    ['TLS_KEY_FILE', '/nowhere.key', 'it cannot be read (ENOENT'],
    ['TLS_CERT_FILE', file('server.key'), 'it cannot be used for TLS ('],
    ['TLS_KEY_FILE', file('client.key'), 'it cannot be used for TLS (error:05800074:x509 certificate'],
    ['TLS_CLIENT_CA_FILE', file('server.key'), 'it cannot be used for TLS (there is no certificate in it)'],
  ])('names %s=%s where it is not right', async (variable, path, message) => {
    const config = loadConfig({ ...TLS, MODELS_DIR: fixturesDir, MODELS: 'tiny', [variable]: path });
    await expect(openApp(config)).rejects.toThrow(`${variable}=${path}: ${message}`);
  });

  it('refuses an authority that is damaged, which Node would pass over', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'branchline-tls-'));
    const path = join(folder, 'ca.pem');
    const whole = bytes('ca.pem').toString();
    // The second of two, so that it is not enough to look at the first.
    await writeFile(path, `${whole}\n${whole.slice(0, 200)}${whole.slice(260)}`);
    const config = loadConfig({ ...TLS, MODELS_DIR: fixturesDir, MODELS: 'tiny', TLS_CLIENT_CA_FILE: path });
    try {
      await expect(openApp(config)).rejects.toThrow(
        `TLS_CLIENT_CA_FILE=${path}: it cannot be used for TLS (`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
