// Makes prom-client's instruments from the catalogue. With metrics.ts and process.ts, the only importer of prom-client.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { MetricSpec } from './catalogue.js';

/** What one entry of a catalogue becomes. */
type Instrument<S extends MetricSpec> = S extends { type: 'counter' }
  ? Counter<S['labels'][number]>
  : S extends { type: 'gauge' }
    ? Gauge<S['labels'][number]>
    : Histogram<S['labels'][number]>;

export type Instruments<C extends Readonly<Record<string, MetricSpec>>> = {
  readonly [K in keyof C]: Instrument<C[K]>;
};

export function createInstruments<const C extends Readonly<Record<string, MetricSpec>>>(
  catalogue: C,
  registry: Registry,
): Instruments<C> {
  const made = Object.entries(catalogue).map(([name, spec]) => [
    name,
    createInstrument(name, spec, registry),
  ]);
  return Object.fromEntries(made) as Instruments<C>;
}

function createInstrument(name: string, spec: MetricSpec, registry: Registry): Counter | Gauge | Histogram {
  const common = { name, help: spec.help, labelNames: [...spec.labels], registers: [registry] };
  switch (spec.type) {
    case 'counter':
      return new Counter(common);
    case 'gauge':
      return new Gauge(common);
    case 'histogram':
      return new Histogram({ ...common, buckets: [...spec.buckets] });
  }
}
