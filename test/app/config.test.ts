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
      workers: 1,
      gateLimits: { audioMinRms: 0.001, imageMinStd: 4.5 },
    });
  });

  it('tries, where asked to find out, the accelerator of the platform before the processor', () => {
    const { providers, providerPolicy } = loadConfig({ EXECUTION_PROVIDERS: 'auto' });
    expect([providers.at(-1), providerPolicy]).toEqual(['cpu', 'fallback']);
  });

  it('takes an empty variable as not set', () => {
    expect(loadConfig({ PORT: '', REDIS_URL: ' ' })).toMatchObject({ port: 8080, redisUrl: undefined });
  });

  it('cannot be changed afterwards', () => {
    const config = loadConfig({});
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
  });

  it.each([
    ['PORT', '80a', 'PORT=80a: must be an integer'],
    ['PORT', '65536', 'PORT=65536: must be at most 65535'],
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

  it('gives WebGPU one worker, and refuses more', () => {
    expect(loadConfig({ EXECUTION_PROVIDERS: 'webgpu' }).workers).toBe(1);
    expect(() => loadConfig({ EXECUTION_PROVIDERS: 'webgpu', WORKERS: '2' })).toThrow(
      'WORKERS=2: must be 1 with webgpu, whose runs may not overlap',
    );
  });

  it('does not repeat a URL, which may carry a password', () => {
    expect(() => loadConfig({ REDIS_URL: 'http://:secret@host' })).toThrow(
      /^REDIS_URL: must be a redis:\/\/ or rediss:\/\/ URL$/,
    );
  });
});
