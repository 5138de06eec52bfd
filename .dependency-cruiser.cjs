// Holds the directions of docs/architecture.md: what runs may import what.
// It reads the compiled files, where type-only imports are gone: rooms may share types, not code.

const ROOMS =
  'modality|bundle|branch|schedule|worker|verdict|heatmap|store|intake|metrics|push|security|tracing|drift';

/** @param {string} name @param {string} target @param {string[]} allowed */
const sole = (name, target, allowed) => ({
  name: `only-${name}`,
  severity: 'error',
  comment: `${target} is imported by ${allowed.join(' and ')} alone`,
  from: { path: '^dist/(src|bench)/', pathNot: allowed },
  to: { path: target },
});

module.exports = {
  forbidden: [
    {
      name: 'rooms-look-up-to-nobody',
      severity: 'error',
      comment: 'a room receives values; it never reaches for http, app, config or the line',
      from: { path: `^dist/src/(${ROOMS})/` },
      to: { path: '^dist/src/(http/|app/|app\\.js|config\\.js|inspect\\.js|inspect/|main\\.js)' },
    },
    {
      name: 'rooms-share-no-code',
      severity: 'error',
      comment: 'sideways imports between rooms are types; the exceptions are the tables every room may read',
      from: { path: `^dist/src/(${ROOMS})/` },
      to: {
        path: `^dist/src/(${ROOMS})/`,
        pathNot: ['^dist/src/$1/', '^dist/src/bundle/manifest\\.js$'],
      },
    },
    {
      name: 'http-stays-outside',
      severity: 'error',
      comment: 'the line and its steps know nothing of HTTP',
      from: { path: '^dist/src/(inspect\\.js|inspect/|captures/|recipes/)' },
      to: { path: '^dist/src/(http/|app\\.js|app/)' },
    },
    {
      name: 'leaves',
      severity: 'error',
      comment:
        'errors, inspection, canonical-json, group-commit, map-codec, misspelt and random-bytes import nothing of ours',
      from: {
        path: '^dist/src/(errors|inspection|canonical-json|group-commit|map-codec|misspelt|random-bytes)\\.js$',
      },
      to: { path: '^dist/src/' },
    },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    sole('session-runs-onnx', 'node_modules/onnxruntime-node/', [
      '^dist/src/worker/(session|encoder)\\.js$',
      // The ceiling and the naive peer are what the service is held against.
      '^dist/bench/ceiling/raw-worker\\.js$',
      '^dist/bench/peers/naive-fastify\\.js$',
    ]),
    {
      name: 'bench-stays-outside',
      severity: 'error',
      comment:
        'bench reaches the service through its socket; it may read the bundle, decode and draw as the service does. ' +
        'The feed is measured in the store itself, a scrape in the metrics',
      from: { path: '^dist/bench/' },
      to: {
        path: '^dist/src/',
        pathNot:
          '^dist/src/(inspection\\.js$|bundle/|modality/decode\\.js$|heatmap/|store/lmdb\\.js$|metrics/metrics\\.js$)',
      },
    },
    {
      name: 'service-knows-no-bench',
      severity: 'error',
      from: { path: '^dist/src/' },
      to: { path: '^dist/(bench|test)/' },
    },
    sole('store-and-app-open-redis', 'node_modules/ioredis/', [
      '^dist/src/store/redis\\.js$',
      '^dist/src/app/redis\\.js$',
    ]),
    sole('security-checks-tokens', 'node_modules/jose/', ['^dist/src/security/']),
    sole('tracing-exports-spans', 'node_modules/@opentelemetry/', ['^dist/src/tracing/otlp\\.js$']),
    sole('mqtt-publishes', 'node_modules/mqtt/', ['^dist/src/push/mqtt\\.js$']),
    sole('metrics-count', 'node_modules/prom-client/', ['^dist/src/metrics/']),
  ],
  options: { doNotFollow: { path: 'node_modules' }, moduleSystems: ['es6'] },
};
