// Renders the chart with a program built from test/helm/render, and holds what comes out against the schemas.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv, type ValidateFunction } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { rootDir } from '../support/root-dir.js';

const run = promisify(execFile);

export const chartDir = `${rootDir}helm/branchline/`;

// Tests reach into rendered objects as they please; what they find is then checked.
// biome-ignore lint/suspicious/noExplicitAny: it is whatever the template says
export type Rendered = any;

export interface Renderer {
  /** Throws an Error with the template's own words where it refuses the values. */
  render(values: object): Promise<Rendered[]>;
  close(): Promise<void>;
}

/** Where Debian's Go libraries lie. */
const GOPATH = '/usr/share/gocode';
const INSTALL =
  'on Debian: apt-get install --no-install-recommends golang-go golang-github-masterminds-sprig-dev golang-k8s-sigs-yaml-dev';

/** Throws an Error that says what to install where Go or its libraries are missing. */
export async function buildRenderer(): Promise<Renderer> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-chart-'));
  const program = join(folder, 'render');
  const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOFLAGS: '', GOCACHE: join(folder, 'cache') };
  await run('go', ['build', '-o', program, '.'], { cwd: `${rootDir}test/helm/render`, env }).catch(
    async (error: { code?: unknown; stderr?: string; message: string }) => {
      await rm(folder, { recursive: true });
      throw new Error(`the chart's renderer cannot be built (${INSTALL}): ${error.stderr || error.message}`);
    },
  );
  let renderings = 0;
  return {
    async render(asked) {
      // Said in every case but those about keys: the chart asks for a word on them.
      const values = { keys: { allowUnauthenticated: true }, ...asked };
      const file = join(folder, `values-${renderings++}.json`);
      await writeFile(file, JSON.stringify(values));
      const { stdout } = await run(program, [chartDir, file], { maxBuffer: 64 * 1024 * 1024 }).catch(
        (error: { stderr: string }) => {
          throw new Error(error.stderr);
        },
      );
      return objectsOf(stdout);
    },
    close: () => rm(folder, { recursive: true }),
  };
}

function objectsOf(text: string): Rendered[] {
  const [, ...sources] = text.split(/^---\n# Source: /m);
  return sources
    .filter((source) => !source.startsWith('NOTES.txt'))
    .flatMap((source) =>
      parseAllDocuments(source.slice(source.indexOf('\n')), { strict: true, uniqueKeys: true }),
    )
    .flatMap((document) => {
      if (document.errors[0]) throw document.errors[0];
      return document.toJS() ?? [];
    });
}

const kinds = new Map<string, ValidateFunction>();
for (const file of ['kubernetes.json', 'custom.json']) {
  const schema = JSON.parse(readFileSync(`${rootDir}test/helm/schemas/${file}`, 'utf8'));
  const ajv = new Ajv({ strict: false, allErrors: true });
  for (const [kind, reference] of Object.entries<object>(schema.kinds))
    kinds.set(kind, ajv.compile({ ...reference, $defs: schema.$defs }));
}

/** What its schema says against an object; unknown fields and kinds too. */
export function faultsOf(object: Rendered): string[] {
  const validate = kinds.get(object.kind);
  if (validate === undefined) return [`there is no schema of kind ${object.kind}`];
  if (validate(object)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${object.kind}${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
}
