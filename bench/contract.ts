// `npm run contract`: a generic fuzzer (schemathesis) against the running service and its own OpenAPI document.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from './child-server.js';
import { runProgram, wholeNumberIn } from './command-line.js';
import { peersPython } from './contenders/python.js';
import { abortWhenInterrupted } from './interruption.js';
import { startService } from './service.js';

const HELP = `npm run contract [-- options]

Starts the service on a store of its own, with a key, and sends it what its OpenAPI document allows and what it
forbids. Finds answers of 5xx other than 503, statuses, types and bodies that are not documented, and routes that do without the key
they say they need. The first run makes a virtual environment under var/contract. Exit code 1 where something is found.

  --cases N    requests an operation, at most; 30
  --seed N     1; another one sends other requests
  --models DIR the folder of bundles; models
  --accept TYPE what every request accepts; "text/plain" for lines instead of JSON
`;

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'ignored_auth',
];
const REQUIREMENTS = fileURLToPath(new URL('../../bench/contract/requirements.txt', import.meta.url));
const SECRET = 'of-the-contract-test';
/** 503 is the honest answer to a deadline of 58 ms, which the fuzzer does ask for. */
const SETTINGS = `[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
`;
/** An event stream does not end, and schemathesis waits for the end: test/http/events.test.ts reads it. */
const ENDLESS = '/v1/events';

interface Fuzzing {
  readonly cases: number;
  readonly accept: string;
  readonly seed: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      models: { type: 'string', default: 'models' },
      accept: { type: 'string', default: '*/*' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const cases = wholeNumberIn('cases', values.cases, 1, 100_000);
  const seed = wholeNumberIn('seed', values.seed, 0, 2 ** 31);
  const interrupted = abortWhenInterrupted();
  const folder = await mkdtemp(join(tmpdir(), 'branchline-contract-'));
  try {
    const python = await peersPython(resolve('var/contract'), 'python3', REQUIREMENTS);
    const service = await startKeyedService(folder, values.models);
    try {
      return await fuzz(
        join(dirname(python), 'schemathesis'),
        service.url,
        { cases, seed, accept: values.accept },
        folder,
        interrupted,
      );
    } finally {
      await service.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function startKeyedService(folder: string, modelsDir: string) {
  const keysFile = join(folder, 'keys.json');
  const sha256 = createHash('sha256').update(SECRET).digest('hex');
  const key = { id: 'contract', sha256, scopes: ['ingest', 'read', 'review', 'admin'] };
  await writeFile(keysFile, JSON.stringify({ keys: [key] }));
  return startService({
    modelsDir,
    storePath: join(folder, 'store'),
    logFile: join(folder, 'service.log'),
    port: await freePort(),
    env: {
      WORKERS: '1',
      API_KEYS_FILE: keysFile,
      AUDIT_FILE: join(folder, 'audit.jsonl'),
      RATE_LIMIT_PER_MINUTE: '0',
      // Nobody listens there: what matters is what the routes answer.
      WEBHOOK_ALLOW: '127.0.0.1',
      WEBHOOK_ALLOW_PRIVATE: 'true',
    },
  });
}

async function fuzz(
  schemathesis: string,
  url: string,
  { cases, seed, accept }: Fuzzing,
  folder: string,
  signal: AbortSignal,
): Promise<number> {
  const options = [
    '--checks',
    CHECKS.join(),
    '--phases',
    'examples,coverage,fuzzing',
    '--continue-on-failure',
  ];
  options.push('--exclude-path', ENDLESS, '--max-examples', String(cases), '--seed', String(seed));
  options.push('--header', `Authorization: Bearer ${SECRET}`, '--no-color');
  options.push('--header', `Accept: ${accept}`);
  // Longer than the longest wait= of the API.
  options.push('--request-timeout', '40', '--suppress-health-check', 'all', '--warnings', 'off');
  const settings = join(folder, 'schemathesis.toml');
  await writeFile(settings, SETTINGS);
  const child = spawn(schemathesis, ['--config-file', settings, 'run', `${url}/openapi.json`, ...options], {
    // It keeps a cache where it runs.
    cwd: folder,
    stdio: 'inherit',
    signal,
  });
  const [code] = await once(child, 'exit');
  return code === 0 ? 0 : 1;
}

await runProgram('contract', main);
