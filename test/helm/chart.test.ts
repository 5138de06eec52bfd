import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.js';
import { CATALOGUE } from '../../src/metrics/catalogue.js';
import { metricsOf } from '../support/promql.js';
import { rootDir } from '../support/root-dir.js';
import { buildRenderer, chartDir, faultsOf, type Rendered, type Renderer } from './chart.js';
import { CASES, UNFIT, WRONG } from './values.js';

const read = (path: string) => readFileSync(chartDir + path, 'utf8');
const schema = JSON.parse(read('values.schema.json'));
const defaults = parse(read('values.yaml'));
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
const configSource = readFileSync(`${rootDir}src/config.ts`, 'utf8');
const variables = [...configSource.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name = '']) => name);

let renderer: Renderer;
beforeAll(async () => {
  renderer = await buildRenderer();
}, 120_000);
afterAll(() => renderer?.close());

const kindsOf = (objects: Rendered[]) => objects.map(({ kind }) => kind).sort();
const find = (objects: Rendered[], kind: string) => objects.find((object) => object.kind === kind);
const workloadOf = (objects: Rendered[]) => find(objects, 'StatefulSet') ?? find(objects, 'Deployment');
const podOf = (objects: Rendered[]) => workloadOf(objects).spec.template;
const envOf = (objects: Rendered[]): { name: string; value?: string; valueFrom?: object }[] =>
  podOf(objects).spec.containers[0].env;

function expectRedisFiles(objects: Rendered[], items: object[]): void {
  const { volumes, containers } = podOf(objects).spec;
  expect(volumes).toContainEqual({ name: 'redis-tls', secret: { secretName: 'mine', items } });
  const mount = { name: 'redis-tls', mountPath: '/etc/branchline-redis', readOnly: true };
  expect(containers[0].volumeMounts).toContainEqual(mount);
}

describe.each(CASES)('with $name the chart', ({ values, kinds }) => {
  let objects: Rendered[];
  beforeAll(async () => {
    objects = await renderer.render(values);
  });

  it('makes what belongs to it, and each object is one that Kubernetes knows', () => {
    expect(kindsOf(objects)).toEqual(kinds);
    expect(objects.flatMap(faultsOf)).toEqual([]);
  });

  it('has values that its schema allows', () => {
    expect([validate(values), validate.errors]).toEqual([true, null]);
  });

  it('sets only variables that the service reads, to what it accepts', () => {
    const env = envOf(objects);
    expect(env.map(({ name }) => name).filter((name) => !variables.includes(name))).toEqual([]);
    const secret = {
      REDIS_URL: 'rediss+sentinel://redis/parts',
      REDIS_SENTINEL_PASSWORD: 'secret',
      MQTT_URL: 'mqtts://broker:8883',
    };
    const plain = env.map(({ name, value }) => [name, value ?? secret[name as keyof typeof secret]]);
    expect(() => loadConfig(Object.fromEntries(plain))).not.toThrow();
  });

  it('keeps to the restricted profile', () => {
    const { spec } = podOf(objects);
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(spec.automountServiceAccountToken).toBe(false);
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])])
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  });

  it('sends captures to its own pods, and to nothing else', () => {
    const { labels } = podOf(objects).metadata;
    const selectors = [
      workloadOf(objects).spec.selector.matchLabels,
      ...objects.filter(({ kind }) => kind === 'Service').map(({ spec }) => spec.selector),
    ];
    for (const selector of selectors) expect(labels).toMatchObject(selector);
  });
});

describe('the schemas of the objects', () => {
  it('refuse a field that Kubernetes does not know, however deep', async () => {
    const [workload] = (await renderer.render({})).filter(({ kind }) => kind === 'StatefulSet');
    workload.spec.template.spec.containers[0].readynessProbe = {};
    expect(faultsOf(workload)).toEqual([expect.stringContaining('readynessProbe')]);
  });
});

describe('the pod', () => {
  it('is given longer to end than the service gives itself', async () => {
    const objects = await renderer.render({ shutdown: { delaySeconds: 7, graceSeconds: 40 } });
    expect(podOf(objects).spec.terminationGracePeriodSeconds).toBe(52);
    expect(envOf(objects)).toEqual(
      expect.arrayContaining([
        { name: 'SHUTDOWN_DELAY_MS', value: '7000' },
        { name: 'SHUTDOWN_GRACE_MS', value: '40000' },
      ]),
    );
  });

  it('is restarted only where it does not answer, and gets captures only where it can judge them', async () => {
    const [container] = podOf(await renderer.render({})).spec.containers;
    expect(container.livenessProbe.httpGet).toEqual({ path: '/health/live', port: 'http' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/health/ready', port: 'http' });
    expect(container.startupProbe.httpGet).toEqual({ path: '/health/ready', port: 'http' });
  });

  it('reads the URL of Redis from a Secret that is there, and the chart makes none', async () => {
    const objects = await renderer.render({
      store: { type: 'redis', redis: { existingSecret: 'mine', key: 'url' } },
    });
    expect(envOf(objects)).toContainEqual({
      name: 'REDIS_URL',
      valueFrom: { secretKeyRef: { name: 'mine', key: 'url' } },
    });
    expect(kindsOf(objects)).not.toContain('Secret');
  });

  it('gives the service the sentinels’ password and Redis’ authority, and lets it reach both', async () => {
    const redis = { existingSecret: 'mine', sentinelPasswordKey: 'word', caKey: 'ca.crt' };
    const objects = await renderer.render({
      store: { type: 'redis', redis },
      networkPolicy: { redisPorts: [6379, 26_379] },
    });
    expect(envOf(objects)).toContainEqual({
      name: 'REDIS_SENTINEL_PASSWORD',
      valueFrom: { secretKeyRef: { name: 'mine', key: 'word' } },
    });
    expect(envOf(objects)).toContainEqual({ name: 'REDIS_CA_FILE', value: '/etc/branchline-redis/ca.pem' });
    expectRedisFiles(objects, [{ key: 'ca.crt', path: 'ca.pem' }]);
    const policy = objects.find(({ kind }) => kind === 'NetworkPolicy');
    const ports = [6379, 26_379].map((port) => ({ port, protocol: 'TCP' }));
    expect(policy?.spec.egress).toContainEqual({ ports });
  });

  it('shows Redis the certificate of a Secret', async () => {
    const redis = { existingSecret: 'mine', caKey: 'ca.crt', certKey: 'tls.crt', keyKey: 'tls.key' };
    const objects = await renderer.render({ store: { type: 'redis', redis } });
    const at = (file: string) => `/etc/branchline-redis/${file}.pem`;
    expect(envOf(objects)).toContainEqual({ name: 'REDIS_TLS_CERT_FILE', value: at('cert') });
    expect(envOf(objects)).toContainEqual({ name: 'REDIS_TLS_KEY_FILE', value: at('key') });
    expectRedisFiles(objects, [
      { key: 'ca.crt', path: 'ca.pem' },
      { key: 'tls.crt', path: 'cert.pem' },
      { key: 'tls.key', path: 'key.pem' },
    ]);
  });

  it('asks for keys where it is given them, from a folder that follows its Secret, and otherwise says that it does not', async () => {
    const open = { name: 'ALLOW_UNAUTHENTICATED', value: 'true' };
    expect(envOf(await renderer.render({}))).toContainEqual(open);
    const objects = await renderer.render({ keys: { existingSecret: 'plant-keys' } });
    expect(envOf(objects)).not.toContainEqual(open);
    expect(envOf(objects)).toContainEqual({ name: 'API_KEYS_FILE', value: '/etc/branchline-keys/keys.json' });
    const { volumes, containers } = podOf(objects).spec;
    expect(volumes).toContainEqual({ name: 'keys', secret: { secretName: 'plant-keys' } });
    const mount = { name: 'keys', mountPath: '/etc/branchline-keys', readOnly: true };
    expect(containers[0].volumeMounts).toContainEqual(mount);
  });

  it('takes tokens instead of keys, by public keys from a folder that follows its ConfigMap', async () => {
    const tokens = { existingConfigMap: 'plant-jwks', issuer: 'https://login', audience: 'branchline' };
    const objects = await renderer.render({ keys: {}, tokens });
    const env = envOf(objects);
    expect(env).not.toContainEqual({ name: 'ALLOW_UNAUTHENTICATED', value: 'true' });
    expect(env).toContainEqual({ name: 'JWT_JWKS_FILE', value: '/etc/branchline-tokens/jwks.json' });
    expect(env).toContainEqual({ name: 'JWT_ISSUER', value: 'https://login' });
    const { volumes, containers } = podOf(objects).spec;
    expect(volumes).toContainEqual({ name: 'tokens', configMap: { name: 'plant-jwks' } });
    const mount = { name: 'tokens', mountPath: '/etc/branchline-tokens', readOnly: true };
    expect(containers[0].volumeMounts).toContainEqual(mount);
  });

  it('asks for the GPU, its runtime class and its image', async () => {
    const { spec } = podOf(await renderer.render({ gpu: { enabled: true, count: 2 } }));
    expect(spec.runtimeClassName).toBe('nvidia');
    expect(spec.containers[0].resources.limits).toMatchObject({ 'nvidia.com/gpu': 2, memory: '2Gi' });
    expect(spec.containers[0].image).toBe('branchline:0.1.0-cuda');
    expect(spec.containers[0].env).toContainEqual({ name: 'EXECUTION_PROVIDERS', value: 'cuda' });
    const workers = spec.containers[0].env.filter(({ name }: { name: string }) => name === 'WORKERS');
    expect(workers).toEqual([{ name: 'WORKERS', value: '1' }]);
  });

  it('writes large numbers as the service reads them', async () => {
    const objects = await renderer.render({ config: { IN_FLIGHT_BYTES: 2_000_000_000 } });
    expect(envOf(objects)).toContainEqual({ name: 'IN_FLIGHT_BYTES', value: '2000000000' });
  });

  it('gets the recipes as the service reads them, and is rolled out again where they change', async () => {
    const recipes = { bracket: { required: ['rgb'] } };
    const objects = await renderer.render({ recipes });
    expect(JSON.parse(find(objects, 'ConfigMap').data['recipes.json'])).toEqual(recipes);
    const other = await renderer.render({ recipes: { bracket: { required: ['depth'] } } });
    const checksum = (of: Rendered[]) => podOf(of).metadata.annotations['checksum/recipes'];
    expect(checksum(objects)).not.toBe(checksum(other));
  });
});

describe('what scales and watches', () => {
  const redis = { store: { type: 'redis', redis: { existingSecret: 'mine' } } };

  it('asks for metrics that the service exports', async () => {
    const [hpa] = (await renderer.render({ ...redis, autoscaling: { hpa: { enabled: true } } })).filter(
      ({ kind }) => kind === 'HorizontalPodAutoscaler',
    );
    const [keda] = (await renderer.render({ ...redis, autoscaling: { keda: { enabled: true } } })).filter(
      ({ kind }) => kind === 'ScaledObject',
    );
    const asked = [hpa.spec.metrics[0].pods.metric.name, ...metricsOf(keda.spec.triggers[0].metadata.query)];
    expect(asked).toHaveLength(2);
    expect(asked.filter((name) => !(name in CATALOGUE))).toEqual([]);
    expect(hpa.spec.metrics[0].pods.target.averageValue).toBe('200m');
  });

  it('leaves the number of replicas to the autoscaler', async () => {
    const objects = await renderer.render({ ...redis, autoscaling: { keda: { enabled: true } } });
    expect(find(objects, 'Deployment').spec.replicas).toBeUndefined();
    expect(find(objects, 'ScaledObject').spec.scaleTargetRef.name).toBe(
      find(objects, 'Deployment').metadata.name,
    );
  });

  it('scrapes each pod once, although an embedded store has two Services', async () => {
    const objects = await renderer.render({ monitoring: { serviceMonitor: { enabled: true } } });
    const { matchLabels } = find(objects, 'ServiceMonitor').spec.selector;
    const scraped = objects.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(matchLabels).every(([label, value]) => metadata.labels[label] === value),
    );
    expect(scraped).toHaveLength(1);
  });

  it('brings the rules, with this release for the job and the plant for the runbook', async () => {
    const rules = { enabled: true, runbookUrl: 'https://wiki.plant/runbook' };
    const objects = await renderer.render({ fullnameOverride: 'inspector', monitoring: { rules } });
    const { groups } = find(objects, 'PrometheusRule').spec;
    const own = parse(read('files/rules.yaml')).groups;
    const alerts = (of: Rendered[]) => of.flatMap((group) => group.rules.map(({ alert }: Rendered) => alert));
    expect(alerts(groups)).toEqual(alerts(own));
    const down = groups
      .flatMap((group: Rendered) => group.rules)
      .find(({ alert }: Rendered) => alert === 'BranchlineDown');
    expect(down.expr).toBe('up{job="inspector"} == 0');
    expect(down.annotations.runbook_url).toBe('https://wiki.plant/runbook#branchlinedown');
    expect(down.annotations.summary).toContain('{{ $labels.instance }}');
  });

  it('brings the dashboard as it is, where the sidecar finds it', async () => {
    const objects = await renderer.render({ monitoring: { dashboard: { enabled: true } } });
    const { metadata, data } = find(objects, 'ConfigMap');
    expect(metadata.labels.grafana_dashboard).toBe('1');
    expect(JSON.parse(data['branchline.json'])).toEqual(JSON.parse(read('files/dashboard.json')));
  });
});

describe('the example of docs/operate.md', () => {
  it('is allowed by the schema, and makes objects that Kubernetes knows', async () => {
    const page = readFileSync(`${rootDir}docs/operate.md`, 'utf8');
    const values = parse(/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
    expect(Object.keys(values).length).toBeGreaterThan(5);
    expect([validate(values), validate.errors]).toEqual([true, null]);
    expect((await renderer.render(values)).flatMap(faultsOf)).toEqual([]);
  });
});

describe('the values', () => {
  it('of the chart are all in the schema, which knows no others', () => {
    expect([validate(defaults), validate.errors]).toEqual([true, null]);
    expect(
      Object.keys(schema.properties)
        .filter((key) => key !== 'global')
        .sort(),
    ).toEqual(Object.keys(defaults).sort());
  });

  it.each(WRONG)('$values are refused by the schema', ({ values, at }) => {
    expect(validate(values)).toBe(false);
    expect(validate.errors?.map(({ instancePath }) => instancePath)).toContain(at);
  });

  it.each(UNFIT)('$values are refused with a sentence', async ({ values, says }) => {
    expect(validate(values)).toBe(true);
    await expect(renderer.render(values)).rejects.toThrow(says);
  });

  it('reach every variable of the service, by a value of its own or by config', async () => {
    const set = (await Promise.all(CASES.map(({ values }) => renderer.render(values)))).flatMap(envOf);
    const further = Object.keys(schema.properties.config.properties);
    // In a cluster TLS is the ingress' or the mesh's: the probes of the kubelet have no certificates.
    const elsewhere = variables.filter((name) => name.startsWith('TLS_'));
    expect(further.filter((name) => elsewhere.includes(name))).toEqual([]);
    expect([...new Set([...set.map(({ name }) => name), ...further, ...elsewhere])].sort()).toEqual(
      [...variables].sort(),
    );
  });

  it('are checked by patterns that Helm can read: its engine knows no look-around', () => {
    expect(read('values.schema.json')).not.toMatch(/"pattern": ".*\(\?[=!<]/);
  });
});
