// Configuration that is wrong in a way that would be unsafe, or pass unseen.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { masked } from '../../src/config/show.js';
import { loadConfig } from '../../src/config.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const run = (args: string[], env: Record<string, string> = {}) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

describe('the address', () => {
  it.each(['0.0.0.0', '::', '10.1.2.3', 'plant.example'])(
    '%s needs keys, or a word that it shall not',
    (HOST) => {
      expect(() => loadConfig({ HOST })).toThrow(
        `HOST=${HOST}: without API keys the service listens on this machine alone. Set API_KEYS_FILE (npm run keys) ` +
          'or JWT_JWKS_FILE, or ALLOW_UNAUTHENTICATED=true',
      );
      expect(() => loadConfig({ HOST, ALLOW_UNAUTHENTICATED: 'false' })).toThrow('without API keys');
      expect(loadConfig({ HOST, ALLOW_UNAUTHENTICATED: 'true' }).host).toBe(HOST);
      expect(loadConfig({ HOST, API_KEYS_FILE: 'keys.json' }).host).toBe(HOST);
    },
  );

  it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('%s needs neither', (HOST) => {
    expect(loadConfig({ HOST }).host).toBe(HOST);
  });
});

describe('variables that do not go together', () => {
  it.each([
    [{ METRICS_ACCESS: 'read' }, 'METRICS_ACCESS=read: it asks for a key, and neither API_KEYS_FILE'],
    [{ JWT_JWKS_FILE: 'a', JWT_ISSUER: 'b' }, 'JWT_JWKS_FILE: set JWT_ISSUER and JWT_AUDIENCE too'],
    [{ JWT_JWKS_FILE: 'a', JWT_AUDIENCE: 'b' }, 'JWT_JWKS_FILE: set JWT_ISSUER and JWT_AUDIENCE too'],
    [{ JWT_ISSUER: 'a' }, 'they are about tokens, and JWT_JWKS_FILE is not set'],
    [{ JWT_LINES_CLAIM: 'a' }, 'they are about tokens, and JWT_JWKS_FILE is not set'],
    [{ TLS_CERT_FILE: 'a' }, 'TLS_CERT_FILE, TLS_KEY_FILE: set both, or neither'],
    [{ TLS_KEY_FILE: 'a' }, 'TLS_CERT_FILE, TLS_KEY_FILE: set both, or neither'],
    [{ TLS_CLIENT_CA_FILE: 'a' }, 'TLS_CLIENT_CA_FILE: clients show certificates over TLS only'],
  ])('%j', (env, message) => {
    expect(() => loadConfig(env)).toThrow(message);
  });
});

describe('a variable of no meaning', () => {
  it.each([
    ['WORKER', 'WORKERS'],
    ['WROKERS', 'WORKERS'],
    ['MODEL_DIR', 'MODELS_DIR'],
    ['REDIS_URI', 'REDIS_URL'],
    ['workers', 'WORKERS'],
    ['API_KEY_FILE', 'API_KEYS_FILE'],
  ])('%s is taken for a slip, and refused', (given, meant) => {
    expect(() => loadConfig({ [given]: '2' })).toThrow(
      `${given}: there is no such variable; ${meant} was meant? Then rename it`,
    );
  });

  it.each([
    'HOME',
    'PATH',
    'PWD',
    'HOSTNAME',
    'SSL_CERT_FILE',
    'REDIS_PORT',
    'BRANCHLINE_PORT',
    'SHLVL',
    'MODE',
  ])('%s is another program’s, and none of our business', (name) => {
    expect(loadConfig({ [name]: 'x' }).port).toBe(8080);
  });
});

describe('--check-config', () => {
  it('prints what is in force without passwords, and starts nothing', async () => {
    const { code, stdout } = await run(['--check-config'], {
      REDIS_URL: 'redis+sentinel://user:hunter2@one:26379,two/parts',
      REDIS_SENTINEL_PASSWORD: 'hunter2',
      MQTT_URL: 'mqtt://user:hunter2@broker:1883',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:hunter2@collector:4318',
      WORKERS: '3',
    });
    expect(code).toBe(0);
    expect(stdout).toContain('REDIS_URL=redis+sentinel://user:***@one:26379,two/parts\n');
    expect(stdout).toContain('MQTT_URL=mqtt://user:***@broker:1883\n');
    expect(stdout).toContain('OTEL_EXPORTER_OTLP_ENDPOINT=https://user:***@collector:4318\n');
    expect(stdout).toContain('\nWORKERS=3\n');
    expect(stdout).toContain('# PORT=8080\n');
    expect(stdout).not.toContain('hunter2');
  });

  it.each([
    ['https://hunter2@collector:4318', 'https://***@collector:4318'],
    ['https://:hunter2@collector:4318', 'https://:***@collector:4318'],
    ['https://collector:4318/otlp', 'https://collector:4318/otlp'],
  ])('prints %s as %s', (given, shown) => {
    expect(masked('OTEL_EXPORTER_OTLP_ENDPOINT', given)).toBe(shown);
  });

  it('says what is wrong, with exit code 1', async () => {
    const { code, stdout, stderr } = await run(['--check-config'], { PORT: '80a' });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe('branchline cannot start: PORT=80a: must be an integer\n');
  });

  it('is told of by --help, which alone may stand there', async () => {
    expect(await run(['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--check-config'),
    });
    expect(await run(['--chek-config'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is no option'),
    });
  });
});
