import { availableParallelism } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';

describe('loadConfig', () => {
  it('runs without a single variable', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      models: [],
      providers: ['cpu'],
      providerPolicy: 'strict',
      intraOpThreads: 1,
      bodyLimitBytes: 32 * 1024 * 1024,
      keepCaptures: 'review',
      keepOriginals: false,
      keepCapturesBytes: 1073741824,
      gateLimits: {},
    });
  });

  it('reads each kind of value', () => {
    const config = loadConfig({
      PORT: '0',
      MODELS: 'a, b@2 ,',
      EXECUTION_PROVIDERS: 'cuda,cpu',
      INTRA_OP_THREADS: '1024',
      GATE_AUDIO_MIN_RMS: '1e-3',
      GATE_IMAGE_MIN_STD: '4.5',
    });
    expect(config).toMatchObject({
      port: 0,
      models: ['a', 'b@2'],
      providers: ['cuda', 'cpu'],
      cpuWorkers: 1,
      gateLimits: { audioMinRms: 0.001, imageMinStd: 4.5 },
    });
  });

  it('tries, where asked to find out, the accelerator of the platform before the processor', () => {
    const { providers, providerPolicy } = loadConfig({ EXECUTION_PROVIDERS: 'auto' });
    expect([providers.at(-1), providerPolicy]).toEqual(['cpu', 'fallback']);
  });

  it('takes an empty variable as not set', () => {
    expect(loadConfig({ PORT: '', REDIS_URL: ' ' })).toMatchObject({ port: 8080, redis: undefined });
  });

  it('cannot be changed afterwards', () => {
    const config = loadConfig({});
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
  });

  it.each([
    ['PORT', '80a', 'PORT=80a: must be an integer'],
    ['PORT', '65536', 'PORT=65536: must be at most 65535'],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'https://collector/?key=secret',
      'OTEL_EXPORTER_OTLP_ENDPOINT: must end without "?" or "#"; what a collector asks for goes into OTEL',
    ],
    ['WORKERS', '0', 'WORKERS=0: must be at least 1'],
    ['EXECUTION_PROVIDERS', 'cuda,gpu', 'EXECUTION_PROVIDERS=cuda,gpu: must be one of cpu, cuda, tensorrt'],
    ['EXECUTION_PROVIDERS', 'auto,cpu', 'EXECUTION_PROVIDERS=auto,cpu: "auto" stands alone'],
    ['PROVIDER_POLICY', 'maybe', 'PROVIDER_POLICY=maybe: must be one of strict, fallback'],
    ['KEEP_CAPTURES', 'thumbnail', 'KEEP_CAPTURES=thumbnail: must be one of none, review, ng, all'],
    ['KEEP_ORIGINALS', 'some', 'KEEP_ORIGINALS=some: must be true or false'],
    ['KEEP_CAPTURES_BYTES', '-1', 'KEEP_CAPTURES_BYTES=-1: must be at least 0'],
    ['GATE_RANGE_MIN_VALID', '2', 'GATE_RANGE_MIN_VALID=2: must be at most 1'],
    ['GATE_AUDIO_MIN_RMS', '-1', 'GATE_AUDIO_MIN_RMS=-1: must be a number, 0 or more'],
    ['RETAIN_OK_DAYS', 'forever', 'RETAIN_OK_DAYS=forever: must be a number of days, or unlimited'],
    ['RETAIN_MAX_BYTES', '-1', 'RETAIN_MAX_BYTES=-1: must be a number of bytes, or unlimited'],
    ['WEBHOOK_ALLOW', 'mes.example,http://a/b', 'WEBHOOK_ALLOW=mes.example,http://a/b: must list hosts'],
    ['WEBHOOK_ALLOW_PRIVATE', 'perhaps', 'WEBHOOK_ALLOW_PRIVATE=perhaps: must be true or false'],
    ['MQTT_URL', 'http://me:secret@broker', 'MQTT_URL: must be an mqtt:// or mqtts:// URL'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL=loud: must be one of fatal'],
  ])('names %s=%s', (variable, value, message) => {
    expect(() => loadConfig({ [variable]: value })).toThrow(message);
  });

  it('leaves the number of workers to what starts, unless it is said', () => {
    expect(loadConfig({})).toMatchObject({ workers: undefined, cpuWorkers: availableParallelism() });
    expect(loadConfig({ WORKERS: '3', EXECUTION_PROVIDERS: 'cuda' }).workers).toBe(3);
  });

  it('refuses more than one worker with WebGPU', () => {
    expect(loadConfig({ EXECUTION_PROVIDERS: 'webgpu', WORKERS: '1' }).workers).toBe(1);
    expect(() => loadConfig({ EXECUTION_PROVIDERS: 'webgpu', WORKERS: '2' })).toThrow(
      'WORKERS=2: must be 1 with webgpu, whose runs may not overlap',
    );
  });

  it('gives a run that is alone the threads of all workers, but no more than four, and none on a GPU', () => {
    const threads = (env: Record<string, string>) => loadConfig(env).loneRunThreads;
    expect(threads({ WORKERS: '1' })).toBe(1);
    expect(threads({ WORKERS: '3' })).toBe(3);
    expect(threads({ WORKERS: '2', INTRA_OP_THREADS: '3' })).toBe(4);
    expect(threads({ WORKERS: '1', INTRA_OP_THREADS: '8' })).toBe(8);
    expect(threads({ WORKERS: '16', LONE_RUN_THREADS: '1' })).toBe(1);
    expect(threads({ WORKERS: '8', EXECUTION_PROVIDERS: 'cuda,cpu' })).toBe(1);
    expect(() => threads({ LONE_RUN_THREADS: '2', EXECUTION_PROVIDERS: 'cuda' })).toThrow(
      'LONE_RUN_THREADS=2: is for EXECUTION_PROVIDERS=cpu alone; leave it out',
    );
  });

  it('reads where Redis is', () => {
    const at = (REDIS_URL: string) => loadConfig({ REDIS_URL }).redis;
    expect(at('redis://one')).toMatchObject({
      kind: 'single',
      hosts: [{ host: 'one', port: 6379 }],
      tls: false,
    });
    expect(at('rediss://me:a%40b%25@[::1]:7000/3')).toMatchObject({
      hosts: [{ host: '::1', port: 7000 }],
      ...{ tls: true, username: 'me', password: 'a@b%', database: 3 },
    });
    expect(at('rediss+sentinel://:p@one,two:2/parts/4')).toEqual({
      kind: 'sentinel',
      hosts: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 2 },
      ],
      ...{ tls: true, username: undefined, password: 'p', master: 'parts', database: 4 },
    });
    expect(at('redis+cluster://one:1,two')).toMatchObject({
      kind: 'cluster',
      hosts: [
        { host: 'one', port: 1 },
        { host: 'two', port: 6379 },
      ],
    });
  });

  it.each([
    ['http://:secret@host', 'must be redis://host, rediss://host for TLS, redis+sentinel://'],
    ['redis://:secret@one,two', 'names several hosts: that is redis+sentinel://'],
    ['redis://:secret@one:99999', 'its host number 1 must be a host, or a host and its port'],
    ['redis+cluster://:secret@one,two:port', 'its host number 2 must be a host'],
    ['redis://:secret', 'its host number 1 must be a host, or a host and its port, such as redis-1:6379; a'],
    ['redis://:secret@one/zero', 'must end in the number of a database, or in nothing'],
    ['redis://:secret%@one', 'has a "%" that encodes nothing'],
    ['redis+sentinel://:secret@one,two', 'must name the master the sentinels watch'],
    ['redis+cluster://:secret@one/1', 'names a database, and a cluster has but one'],
  ])('says what is wrong with %s, and repeats no password', (REDIS_URL, message) => {
    let said = '';
    try {
      loadConfig({ REDIS_URL });
    } catch (error) {
      said = (error as Error).message;
    }
    expect(said).toContain(`REDIS_URL: ${message}`);
    expect(said).not.toContain('secret');
  });

  it.each([
    [{ REDIS_CA_FILE: 'ca.pem', REDIS_URL: 'redis://one' }, 'REDIS_CA_FILE: it says whom to trust over TLS'],
    [
      { REDIS_TLS_CERT_FILE: 'own.pem', REDIS_URL: 'rediss://one' },
      'REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both, or neither',
    ],
    [
      { REDIS_TLS_KEY_FILE: 'own.key', REDIS_URL: 'rediss://one' },
      'REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both, or neither',
    ],
    [
      { REDIS_TLS_CERT_FILE: 'own.pem', REDIS_TLS_KEY_FILE: 'own.key', REDIS_URL: 'redis://one' },
      'REDIS_TLS_CERT_FILE: certificates are shown over TLS only, and REDIS_URL is not rediss://…',
    ],
    [
      { REDIS_SENTINEL_PASSWORD: 'x', REDIS_URL: 'redis://one' },
      'REDIS_SENTINEL_PASSWORD: there are sentinels',
    ],
  ])('names of %j the one that is without effect', (env, message) => {
    expect(() => loadConfig(env)).toThrow(message);
  });
});
