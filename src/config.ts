// The configuration: the only reader of process.env, checked once, then frozen.
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { parseRedisUrl } from './config/redis-address.js';
import { mayHoldPassword, settingsOf } from './config/show.js';
import { keepCaptures } from './inspection.js';
import { misspeltName } from './misspelt.js';
import type { GateLimits } from './modality/gate.js';

const text = z.string().trim().min(1, 'must not be blank');
const integer = (min: number, max: number) =>
  z
    .string()
    .trim()
    .regex(/^-?\d+$/, 'must be an integer')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
const decimal = (max: number) =>
  z
    .string()
    .trim()
    .regex(/^\d*\.?\d+(e-?\d+)?$/i, 'must be a number, 0 or more')
    .transform(Number)
    .pipe(z.number().max(max, `must be at most ${max}`));
/** Infinity: for ever, or without end. */
const orUnlimited = (unit: string) =>
  z
    .string()
    .trim()
    .regex(/^(unlimited|\d+(\.\d+)?)$/, `must be a number of ${unit}, or unlimited`)
    .transform((value) => (value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value)));
const list = text.transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
/** Hosts, hosts with port, or origins. */
const hosts = list.refine(
  (items) => items.every((item) => /^(https?:\/\/)?(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i.test(item)),
  'must list hosts, hosts with port or origins by comma, such as mes.example,10.0.0.5:8443,https://hooks.example',
);
const redisUrl = text.transform((url, context) => {
  try {
    return parseRedisUrl(url);
  } catch (error) {
    context.addIssue((error as Error).message);
    return z.NEVER;
  }
});
const collectorUrl = z
  .url({ protocol: /^https?$/, message: 'must be an http:// or https:// URL' })
  // "/v1/traces" is put behind it.
  .regex(
    /^[^?#]*$/,
    'must end without "?" or "#"; what a collector asks for goes into OTEL_EXPORTER_OTLP_HEADERS',
  );
const oneOf = <const T extends readonly [string, ...string[]]>(options: T) =>
  z.enum(options, `must be one of ${options.join(', ')}`);

/** What `auto` tries: the platform's own accelerator, then the processor. WebGPU's device may be software: only by name. */
const AUTO: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['cuda', 'cpu'],
  win32: ['dml', 'cpu'],
  darwin: ['coreml', 'cpu'],
};
const providers = list
  .pipe(z.array(oneOf(['cpu', 'cuda', 'tensorrt', 'webgpu', 'dml', 'coreml', 'auto'])))
  .refine((asked) => asked.length === 1 || !asked.includes('auto'), '"auto" stands alone');

const cores = availableParallelism();
const MIB = 1024 * 1024;

const environment = z.object({
  HOST: text.default('127.0.0.1'),
  PORT: integer(0, 65535).default(8080),
  MODELS_DIR: text.default('models'),
  /** "name" (latest version) or "name@version"; empty: all. */
  MODELS: list.default([]),
  DEFAULT_MODEL: text.optional(),
  RECIPES_FILE: text.optional(),
  STORE_PATH: text.default('var/store'),
  REDIS_URL: redisUrl.optional(),
  REDIS_SENTINEL_PASSWORD: text.optional(),
  REDIS_CA_FILE: text.optional(),
  REDIS_TLS_CERT_FILE: text.optional(),
  REDIS_TLS_KEY_FILE: text.optional(),
  SPOOL_PATH: text.optional(),
  SPOOL_LIMIT_BYTES: integer(0, Number.MAX_SAFE_INTEGER).default(1024 * MIB),
  STORE_TIMEOUT_MS: integer(1, 600_000).default(2000),
  EXECUTION_PROVIDERS: providers.default(['cpu']),
  GPU_DEVICE_ID: integer(0, 1023).optional(),
  WEBHOOK_ALLOW: hosts.default([]),
  WEBHOOK_ALLOW_PRIVATE: z.stringbool('must be true or false').default(false),
  WEBHOOK_TIMEOUT_MS: integer(1, 60_000).default(10_000),
  WEBHOOK_MAX_ATTEMPTS: integer(1, 1000).default(20),
  WEBHOOK_MAX_AGE_HOURS: integer(1, 720).default(24),
  MQTT_URL: z.url({ protocol: /^mqtts?$/, message: 'must be an mqtt:// or mqtts:// URL' }).optional(),
  EVENTS_MAX_CLIENTS: integer(1, 10_000).default(64),
  PROVIDER_POLICY: oneOf(['strict', 'fallback']).default('strict'),
  INTRA_OP_THREADS: integer(1, 1024).default(1),
  LONE_RUN_THREADS: integer(1, 1024).optional(),
  WORKERS: integer(1, 1024).optional(),
  WORKER_STUCK_FACTOR: integer(2, 10_000).default(20),
  WORKER_STUCK_FLOOR_MS: integer(1, 3_600_000).default(10_000),
  MAX_BATCH: integer(1, 1024).optional(),
  MAX_TURN: integer(1, 1024).default(8),
  QUEUE_LIMIT: integer(1, 1_000_000).default(64),
  BODY_LIMIT_BYTES: integer(1024, 2048 * MIB).default(32 * MIB),
  BODY_STALL_MS: integer(1, 60_000).default(5000),
  IN_FLIGHT_BYTES: integer(1024, Number.MAX_SAFE_INTEGER).optional(),
  IDEMPOTENCY_WINDOW_S: integer(1, 31_536_000).default(86_400),
  CAPTURE_MAX_WAIT_MS: integer(1, 600_000).default(5000),
  CAPTURE_LATE_S: integer(0, 86_400).default(300),
  INTAKE_RUNNERS: integer(1, 1024).optional(),
  INTAKE_CAPTURES: integer(1, 1_000_000).default(1000),
  INTAKE_BYTES: integer(1024, Number.MAX_SAFE_INTEGER).default(1024 * MIB),
  DEFAULT_DEADLINE_MS: integer(1, 600_000).default(10_000),
  SHUTDOWN_DELAY_MS: integer(0, 600_000).default(0),
  SHUTDOWN_GRACE_MS: integer(1, 600_000).default(10_000),
  KEEP_CAPTURES: keepCaptures.default('review'),
  KEEP_ORIGINALS: z.stringbool('must be true or false').default(false),
  KEEP_CAPTURES_BYTES: integer(0, Number.MAX_SAFE_INTEGER).default(1024 * MIB),
  RETAIN_OK_IMAGES_DAYS: orUnlimited('days').default(30),
  RETAIN_FLAGGED_IMAGES_DAYS: orUnlimited('days').default(365),
  RETAIN_OK_DAYS: orUnlimited('days').prefault('unlimited'),
  RETAIN_FLAGGED_DAYS: orUnlimited('days').prefault('unlimited'),
  RETAIN_UNACKED_DAYS: orUnlimited('days').default(7),
  RETAIN_MAX_RECORDS: orUnlimited('inspections').prefault('unlimited'),
  RETAIN_MAX_BYTES: orUnlimited('bytes').prefault('unlimited'),
  RETAIN_MIN_FREE_BYTES: integer(0, Number.MAX_SAFE_INTEGER).default(256 * MIB),
  GATE_IMAGE_MIN_STD: decimal(255).optional(),
  GATE_IMAGE_MAX_SATURATED: decimal(1).optional(),
  GATE_RANGE_MAX_BLANK_STD: decimal(Number.MAX_VALUE).optional(),
  GATE_RANGE_MIN_VALID: decimal(1).optional(),
  GATE_AUDIO_MIN_RMS: decimal(1).optional(),
  GATE_AUDIO_MAX_CLIPPED: decimal(1).optional(),
  API_KEYS_FILE: text.optional(),
  JWT_JWKS_FILE: text.optional(),
  JWT_ISSUER: text.optional(),
  JWT_AUDIENCE: text.optional(),
  JWT_SCOPES_CLAIM: text.default('scope'),
  JWT_LINES_CLAIM: text.optional(),
  ALLOW_UNAUTHENTICATED: z.stringbool('must be true or false').default(false),
  METRICS_ACCESS: oneOf(['open', 'read']).default('open'),
  RATE_LIMIT_PER_MINUTE: integer(0, 1_000_000).default(6000),
  AUDIT_FILE: text.optional(),
  MODEL_PUBLIC_KEY: text.optional(),
  TLS_CERT_FILE: text.optional(),
  TLS_KEY_FILE: text.optional(),
  TLS_CLIENT_CA_FILE: text.optional(),
  MAX_CONNECTIONS: integer(1, 1_000_000).default(1024),
  DRIFT_WINDOW: integer(100, 10_000).default(500),
  DRIFT_WINDOW_HOURS: integer(1, 8760).default(24),
  SENSOR_DEAD_CAPTURES: integer(2, 100_000).default(20),
  SENSOR_FROZEN_CAPTURES: integer(2, 100_000).default(5),
  METRICS_LINES: list.refine((lines) => lines.length <= 50, 'must be at most 50 names').default([]),
  TRITON_METRICS: z.stringbool('must be true or false').default(false),
  OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl.optional(),
  OTEL_SERVICE_NAME: text.default('branchline'),
  OTEL_TRACES_SAMPLER_ARG: decimal(1).default(1),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** Of a run that has the machine to itself. */
const MOST_LONE_THREADS = 4;

const checked = environment
  .refine(
    ({ EXECUTION_PROVIDERS, WORKERS = 1 }) => WORKERS === 1 || !EXECUTION_PROVIDERS.includes('webgpu'),
    // Two threads whose WebGPU runs overlapped crashed the process, every time.
    { path: ['WORKERS'], message: 'must be 1 with webgpu, whose runs may not overlap' },
  )
  .refine(
    ({ EXECUTION_PROVIDERS, LONE_RUN_THREADS }) =>
      LONE_RUN_THREADS === undefined || isCpuAlone(EXECUTION_PROVIDERS),
    { path: ['LONE_RUN_THREADS'], message: 'is for EXECUTION_PROVIDERS=cpu alone; leave it out' },
  );

export type Config = ReturnType<typeof toConfig>;

/** Throws an Error of one line that names the variable and says what would be right. */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const set = whatIsSet(env);
  const misspelt = misspeltName(Object.keys(set), Object.keys(environment.shape));
  if (misspelt !== undefined)
    throw new Error(
      `${misspelt.given}: there is no such variable; ${misspelt.meant} was meant? Then rename it`,
    );
  const parsed = checked.safeParse(set);
  if (parsed.success) {
    const fault = faultBetween(parsed.data);
    if (fault !== undefined) throw new Error(fault);
    return Object.freeze(toConfig(parsed.data));
  }
  const issue = parsed.error.issues[0];
  const variable = String(issue?.path[0]);
  // A URL may carry a password, and this line ends in a log.
  const value = mayHoldPassword(variable) ? '' : `=${set[variable]}`;
  throw new Error(`${variable}${value}: ${issue?.message}`);
}

/** "NAME=" in a compose file means "not set". */
function whatIsSet(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
}

/** What is wrong with variables that are each right by themselves. */
function faultBetween(env: z.infer<typeof environment>): string | undefined {
  const { HOST, API_KEYS_FILE, ALLOW_UNAUTHENTICATED, METRICS_ACCESS } = env;
  const { JWT_JWKS_FILE, JWT_ISSUER, JWT_AUDIENCE, JWT_LINES_CLAIM } = env;
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CLIENT_CA_FILE } = env;
  const { REDIS_URL, REDIS_CA_FILE, REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE, REDIS_SENTINEL_PASSWORD } = env;
  const asksNobody = API_KEYS_FILE === undefined && JWT_JWKS_FILE === undefined;
  if (asksNobody && !ALLOW_UNAUTHENTICATED && !isLoopback(HOST))
    return (
      `HOST=${HOST}: without API keys the service listens on this machine alone. Set API_KEYS_FILE (npm run keys) ` +
      'or JWT_JWKS_FILE, or ALLOW_UNAUTHENTICATED=true where everybody who reaches the port may do everything'
    );
  if (asksNobody && METRICS_ACCESS === 'read')
    return 'METRICS_ACCESS=read: it asks for a key, and neither API_KEYS_FILE nor JWT_JWKS_FILE is set';
  // Without them any token of the same provider would do, also one that was given out for another service.
  if (JWT_JWKS_FILE !== undefined && (JWT_ISSUER === undefined || JWT_AUDIENCE === undefined))
    return 'JWT_JWKS_FILE: set JWT_ISSUER and JWT_AUDIENCE too; tokens for others are not for this service';
  if (JWT_JWKS_FILE === undefined && (JWT_ISSUER ?? JWT_AUDIENCE ?? JWT_LINES_CLAIM) !== undefined)
    return 'JWT_ISSUER, JWT_AUDIENCE, JWT_LINES_CLAIM: they are about tokens, and JWT_JWKS_FILE is not set';
  if ((TLS_CERT_FILE === undefined) !== (TLS_KEY_FILE === undefined))
    return 'TLS_CERT_FILE, TLS_KEY_FILE: set both, or neither';
  if (TLS_CLIENT_CA_FILE !== undefined && TLS_CERT_FILE === undefined)
    return 'TLS_CLIENT_CA_FILE: clients show certificates over TLS only; set TLS_CERT_FILE and TLS_KEY_FILE too';
  if (REDIS_CA_FILE !== undefined && REDIS_URL?.tls !== true)
    return 'REDIS_CA_FILE: it says whom to trust over TLS, and REDIS_URL is not rediss://…';
  if ((REDIS_TLS_CERT_FILE === undefined) !== (REDIS_TLS_KEY_FILE === undefined))
    return 'REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: set both, or neither';
  if (REDIS_TLS_CERT_FILE !== undefined && REDIS_URL?.tls !== true)
    return 'REDIS_TLS_CERT_FILE: certificates are shown over TLS only, and REDIS_URL is not rediss://…';
  if (REDIS_SENTINEL_PASSWORD !== undefined && REDIS_URL?.kind !== 'sentinel')
    return 'REDIS_SENTINEL_PASSWORD: there are sentinels with a REDIS_URL of redis+sentinel://… only';
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** For `--check-config`: as lines of an environment file, what is not set behind a "#". Throws as loadConfig. */
export function describeConfig(env: Readonly<Record<string, string | undefined>> = process.env): string {
  loadConfig(env);
  const set = whatIsSet(env);
  return settingsOf(Object.keys(environment.shape), set, environment.parse(set));
}

function toConfig(env: z.infer<typeof environment>) {
  const isAuto = env.EXECUTION_PROVIDERS[0] === 'auto';
  const cpuWorkers = Math.max(1, Math.floor(cores / env.INTRA_OP_THREADS));
  return {
    host: env.HOST,
    port: env.PORT,
    modelsDir: env.MODELS_DIR,
    models: env.MODELS,
    defaultModel: env.DEFAULT_MODEL,
    recipesFile: env.RECIPES_FILE,
    storePath: env.STORE_PATH,
    redis: env.REDIS_URL,
    redisSentinelPassword: env.REDIS_SENTINEL_PASSWORD,
    redisTls: {
      caFile: env.REDIS_CA_FILE,
      certFile: env.REDIS_TLS_CERT_FILE,
      keyFile: env.REDIS_TLS_KEY_FILE,
    },
    spoolPath: env.SPOOL_PATH ?? `${env.STORE_PATH}-spool`,
    spoolLimitBytes: env.SPOOL_LIMIT_BYTES,
    storeTimeoutMs: env.STORE_TIMEOUT_MS,
    providers: isAuto ? (AUTO[process.platform] ?? ['cpu']) : env.EXECUTION_PROVIDERS,
    providerPolicy: isAuto ? ('fallback' as const) : env.PROVIDER_POLICY,
    gpuDeviceId: env.GPU_DEVICE_ID,
    intraOpThreads: env.INTRA_OP_THREADS,
    /** Without it: by the provider that starts. */
    workers: env.WORKERS,
    /** workers x threads <= cores: more than that loses throughput, measured. */
    cpuWorkers,
    loneRunThreads: env.LONE_RUN_THREADS ?? defaultLoneRunThreads(env, env.WORKERS ?? cpuWorkers),
    workerStuckFactor: env.WORKER_STUCK_FACTOR,
    workerStuckFloorMs: env.WORKER_STUCK_FLOOR_MS,
    /** Without it: by the provider that starts. */
    maxBatch: env.MAX_BATCH,
    maxTurn: env.MAX_TURN,
    queueLimit: env.QUEUE_LIMIT,
    bodyLimitBytes: env.BODY_LIMIT_BYTES,
    bodyStallMs: env.BODY_STALL_MS,
    inFlightBytes: env.IN_FLIGHT_BYTES,
    idempotencyWindowMs: env.IDEMPOTENCY_WINDOW_S * 1000,
    captureMaxWaitMs: env.CAPTURE_MAX_WAIT_MS,
    captureLateMs: env.CAPTURE_LATE_S * 1000,
    /** Without it: as many as the workers take at once. */
    intakeRunners: env.INTAKE_RUNNERS,
    intakeCaptures: env.INTAKE_CAPTURES,
    intakeBytes: env.INTAKE_BYTES,
    defaultDeadlineMs: env.DEFAULT_DEADLINE_MS,
    shutdownDelayMs: env.SHUTDOWN_DELAY_MS,
    shutdownGraceMs: env.SHUTDOWN_GRACE_MS,
    keepCaptures: env.KEEP_CAPTURES,
    keepOriginals: env.KEEP_ORIGINALS,
    keepCapturesBytes: env.KEEP_CAPTURES_BYTES,
    /** Infinity where it is unlimited. */
    retain: {
      okImagesDays: env.RETAIN_OK_IMAGES_DAYS,
      flaggedImagesDays: env.RETAIN_FLAGGED_IMAGES_DAYS,
      okDays: env.RETAIN_OK_DAYS,
      flaggedDays: env.RETAIN_FLAGGED_DAYS,
      unackedDays: env.RETAIN_UNACKED_DAYS,
      maxRecords: env.RETAIN_MAX_RECORDS,
      maxBytes: env.RETAIN_MAX_BYTES,
      minFreeBytes: env.RETAIN_MIN_FREE_BYTES,
    },
    webhookAllow: env.WEBHOOK_ALLOW,
    webhookAllowPrivate: env.WEBHOOK_ALLOW_PRIVATE,
    webhookTimeoutMs: env.WEBHOOK_TIMEOUT_MS,
    webhookMaxAttempts: env.WEBHOOK_MAX_ATTEMPTS,
    webhookMaxAgeHours: env.WEBHOOK_MAX_AGE_HOURS,
    mqttUrl: env.MQTT_URL,
    eventsMaxClients: env.EVENTS_MAX_CLIENTS,
    apiKeysFile: env.API_KEYS_FILE,
    jwt: tokensOf(env),
    metricsAccess: env.METRICS_ACCESS,
    ratePerMinute: env.RATE_LIMIT_PER_MINUTE,
    auditFile: env.AUDIT_FILE,
    modelPublicKey: env.MODEL_PUBLIC_KEY,
    tlsFiles:
      env.TLS_CERT_FILE === undefined || env.TLS_KEY_FILE === undefined
        ? undefined
        : { certFile: env.TLS_CERT_FILE, keyFile: env.TLS_KEY_FILE, clientCaFile: env.TLS_CLIENT_CA_FILE },
    maxConnections: env.MAX_CONNECTIONS,
    driftWindow: env.DRIFT_WINDOW,
    driftWindowHours: env.DRIFT_WINDOW_HOURS,
    sensorDeadCaptures: env.SENSOR_DEAD_CAPTURES,
    sensorFrozenCaptures: env.SENSOR_FROZEN_CAPTURES,
    metricsLines: env.METRICS_LINES,
    tritonMetrics: env.TRITON_METRICS,
    logLevel: env.LOG_LEVEL,
    /** undefined: no spans are made. */
    otlp:
      env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? undefined
        : {
            endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
            serviceName: env.OTEL_SERVICE_NAME,
            ratio: env.OTEL_TRACES_SAMPLER_ARG,
          },
    /** Instead of the gate's own defaults. */
    gateLimits: given<GateLimits>({
      imageMinStd: env.GATE_IMAGE_MIN_STD,
      imageMaxSaturated: env.GATE_IMAGE_MAX_SATURATED,
      rangeMaxBlankStd: env.GATE_RANGE_MAX_BLANK_STD,
      rangeMinValid: env.GATE_RANGE_MIN_VALID,
      audioMinRms: env.GATE_AUDIO_MIN_RMS,
      audioMaxClipped: env.GATE_AUDIO_MAX_CLIPPED,
    }),
  };
}

/** undefined: tokens are not taken. */
function tokensOf(env: z.infer<typeof environment>) {
  const { JWT_JWKS_FILE: jwksFile, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = env;
  if (jwksFile === undefined || issuer === undefined || audience === undefined) return undefined;
  return { jwksFile, issuer, audience, scopesClaim: env.JWT_SCOPES_CLAIM, linesClaim: env.JWT_LINES_CLAIM };
}

/** All that the workers have, up to where more gain little. A GPU needs no help, and would not share its memory. */
function defaultLoneRunThreads(
  { EXECUTION_PROVIDERS, INTRA_OP_THREADS }: z.infer<typeof environment>,
  workers: number,
): number {
  return isCpuAlone(EXECUTION_PROVIDERS)
    ? Math.max(INTRA_OP_THREADS, Math.min(MOST_LONE_THREADS, workers * INTRA_OP_THREADS))
    : INTRA_OP_THREADS;
}

function isCpuAlone(asked: readonly string[]): boolean {
  return asked.every((provider) => provider === 'cpu');
}

/** Without what is not set, so that defaults can be spread beneath it. */
function given<T extends object>(values: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
