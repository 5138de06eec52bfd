// The values the chart is rendered with in the tests, and which kinds must come out.

const redis = { store: { type: 'redis', redis: { existingSecret: 'redis-url' } } };
const tokens = { existingConfigMap: 'jwks', issuer: 'https://login', audience: 'branchline' };
const sha256 = 'ab'.repeat(32);
const monitoring = {
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  rules: { enabled: true, runbookUrl: 'https://wiki.plant/runbook' },
  dashboard: { enabled: true },
};

const STATEFUL = ['NetworkPolicy', 'Service', 'Service', 'ServiceAccount', 'StatefulSet'];
const SHARED = ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'ServiceAccount'];
const MONITORING = ['ConfigMap', 'PrometheusRule', 'ServiceMonitor'];

export interface ChartCase {
  readonly name: string;
  readonly values: object;
  /** In alphabetical order. */
  readonly kinds: readonly string[];
}

const kinds = (...lists: readonly (readonly string[])[]) => lists.flat().toSorted();

export const CASES: readonly ChartCase[] = [
  { name: 'the defaults', values: {}, kinds: STATEFUL },
  { name: 'Redis', values: { ...redis, replicas: 3 }, kinds: SHARED },
  {
    name: 'an HPA',
    values: { ...redis, autoscaling: { hpa: { enabled: true } } },
    kinds: kinds(SHARED, ['HorizontalPodAutoscaler']),
  },
  {
    name: 'an HPA without CPU',
    values: { ...redis, autoscaling: { queueWaitSeconds: 1.5, hpa: { enabled: true, cpuUtilization: 0 } } },
    kinds: kinds(SHARED, ['HorizontalPodAutoscaler']),
  },
  {
    name: 'KEDA',
    values: { ...redis, autoscaling: { minReplicas: 1, keda: { enabled: true } } },
    kinds: kinds(SHARED, ['ScaledObject']),
  },
  {
    name: 'sentinels over TLS',
    values: {
      store: {
        type: 'redis',
        redis: { existingSecret: 'redis', sentinelPasswordKey: 'sentinel', caKey: 'ca.crt' },
      },
      networkPolicy: { redisPorts: [6379, 26_379] },
    },
    kinds: SHARED,
  },
  {
    name: 'a certificate for Redis, and no authority',
    values: {
      store: { type: 'redis', redis: { existingSecret: 'redis', certKey: 'tls.crt', keyKey: 'tls.key' } },
    },
    kinds: SHARED,
  },
  { name: 'a GPU', values: { gpu: { enabled: true } }, kinds: STATEFUL },
  {
    name: 'two GPUs of the default class, and Redis',
    values: { ...redis, gpu: { enabled: true, count: 2, runtimeClassName: '', provider: 'tensorrt' } },
    kinds: SHARED,
  },
  { name: 'monitoring', values: { monitoring }, kinds: kinds(STATEFUL, MONITORING) },
  {
    name: 'monitoring, KEDA and Redis',
    values: { ...redis, monitoring, autoscaling: { keda: { enabled: true } } },
    kinds: kinds(SHARED, MONITORING, ['ScaledObject']),
  },
  { name: 'keys', values: { keys: { existingSecret: 'keys' } }, kinds: STATEFUL },
  { name: 'tokens', values: { keys: {}, tokens }, kinds: STATEFUL },
  {
    name: 'a broker',
    values: { mqtt: { existingSecret: 'broker' } },
    kinds: STATEFUL,
  },
  {
    name: 'models of a volume',
    values: {
      models: { source: 'pvc', pvc: { claimName: 'models', subPath: 'plant/a' }, include: ['bracket@2'] },
    },
    kinds: STATEFUL,
  },
  {
    name: 'models that are downloaded',
    values: {
      models: {
        source: 'download',
        download: { url: 'https://models.plant/a.tar.gz', sha256 },
        default: 'bracket',
      },
    },
    kinds: STATEFUL,
  },
  {
    name: 'recipes and further variables',
    values: {
      recipes: { bracket: { required: ['rgb'], thresholds: { review: 0.4, reject: 0.6 } } },
      config: { IN_FLIGHT_BYTES: 1_000_000_000, LOG_LEVEL: 'warn', GATE_IMAGE_MIN_STD: 1.5 },
      monitoring: { lines: ['line-1', 'line-2'], triton: true },
    },
    kinds: kinds(STATEFUL, ['ConfigMap']),
  },
  {
    name: 'a store of a class, kept by nobody, in no network policy, with an account that is there',
    values: {
      store: { embedded: { storageClassName: 'fast', size: '100Gi', whenDeleted: 'Delete' } },
      networkPolicy: { enabled: false },
      serviceAccount: { name: 'plant' },
    },
    kinds: ['Service', 'Service', 'StatefulSet'],
  },
  {
    name: 'everything that is laid over a pod',
    values: {
      fullnameOverride: 'inspector',
      image: { repository: 'registry.plant/branchline', digest: `sha256:${sha256}` },
      imagePullSecrets: [{ name: 'registry' }],
      podAnnotations: { team: 'vision' },
      podLabels: { line: 'four' },
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'line', operator: 'Exists', effect: 'NoSchedule' }],
      affinity: { podAntiAffinity: {} },
      service: { type: 'LoadBalancer', port: 8080, annotations: { zone: 'plant' } },
      networkPolicy: {
        from: [{ ipBlock: { cidr: '10.20.0.0/16' } }],
        egress: [{ to: [{ ipBlock: { cidr: '10.30.0.0/16' } }] }],
      },
    },
    kinds: STATEFUL,
  },
];

/** Refused by values.schema.json; the path at which. */
export const WRONG: readonly { readonly values: object; readonly at: string }[] = [
  { values: { replica: 2 }, at: '' },
  { values: { replicas: 'two' }, at: '/replicas' },
  { values: { workers: 0 }, at: '/workers' },
  { values: { store: { type: 'sqlite' } }, at: '/store/type' },
  { values: { store: { redis: { url: 'redis://:secret@host' } } }, at: '/store/redis' },
  { values: { networkPolicy: { redisPorts: [] } }, at: '/networkPolicy/redisPorts' },
  { values: { store: { embedded: { size: 'plenty' } } }, at: '/store/embedded/size' },
  { values: { models: { download: { sha256: 'abc' } } }, at: '/models/download/sha256' },
  { values: { models: { download: { url: 'http://models.plant/a.tar.gz' } } }, at: '/models/download/url' },
  { values: { models: { pvc: { subPath: '../other' } } }, at: '/models/pvc/subPath' },
  { values: { config: { PORT: 9090 } }, at: '/config' },
  { values: { config: { LOG_LEVLE: 'warn' } }, at: '/config' },
  {
    values: { recipes: { a: { thresholds: { review: 2, reject: 1 } } } },
    at: '/recipes/a/thresholds/review',
  },
  { values: { image: { digest: 'latest' } }, at: '/image/digest' },
  { values: { gpu: { provider: 'cpu' } }, at: '/gpu/provider' },
  { values: { service: { port: 70_000 } }, at: '/service/port' },
  { values: { shutdown: { graceSeconds: 0 } }, at: '/shutdown/graceSeconds' },
  { values: { monitoring: { lines: ['a,b'] } }, at: '/monitoring/lines/0' },
];

/** Refused by the templates, because two values do not fit together; what they say. */
export const UNFIT: readonly { readonly values: object; readonly says: string }[] = [
  { values: { replicas: 2 }, says: 'replicas: an embedded store belongs to one process' },
  { values: { autoscaling: { hpa: { enabled: true } } }, says: 'autoscaling: an embedded store' },
  { values: { keys: {} }, says: 'keys: name the Secret of API keys' },
  { values: { tokens: { ...tokens, audience: '' } }, says: 'tokens: set issuer and audience too' },
  { values: { store: { type: 'redis' } }, says: 'store.redis.existingSecret: name the Secret' },
  {
    values: { store: { type: 'redis', redis: { existingSecret: 'redis', certKey: 'tls.crt' } } },
    says: 'store.redis: set certKey and keyKey, or neither',
  },
  {
    values: { ...redis, autoscaling: { hpa: { enabled: true }, keda: { enabled: true } } },
    says: 'autoscaling: hpa and keda',
  },
  { values: { autoscaling: { minReplicas: 9 } }, says: 'autoscaling.maxReplicas: must not be below' },
  { values: { models: { source: 'pvc' } }, says: 'models.pvc.claimName: name the claim' },
  { values: { models: { source: 'download' } }, says: 'models.download: url and sha256' },
];
