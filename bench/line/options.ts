// The command line of the simulated line.
import { parseArgs } from 'node:util';
import { numberIn, UsageError, wholeNumberIn } from '../command-line.js';

export const HELP = `Simulates a shift: stations with failing sensors send parts, an MES polls and acks, and at the end
every part must be accounted for: made = inspected + failed = polled = acked.

  npm run line                                        one minute on the embedded store
  npm run line -- --kill                              with the service killed (-9) and started again in the middle
  npm run line -- --store redis --kill --redis-outage with Redis stopped and started as well
  npm run line -- --target http://127.0.0.1:8080      on a service that runs already

  --stations N      stations, each with a line of its own (8)
  --takt MS         a part comes to each station so often (500)
  --seconds N       how long parts are made (60); what is under way is then waited for
  --missing P       share of parts that lack some of their modalities, 0 to 1 (0.4)
  --late P          share of parts of which one modality comes after the others were judged (0.1)
  --duplicate P     share of parts that are sent twice, together or one after the other (0.05)
  --forms LIST      how parts are sent, by comma: sync, async (Prefer: respond-async), pieces (one modality
                    a request); all three by default. Late modalities need pieces
  --store KIND      lmdb, or redis: a redis-server of the simulation's own, on a free port (lmdb)
  --kill            kill -9 of the service in the middle, and a new start on the same store
  --redis-outage    stop Redis for a tenth of the time, and start it again (with --store redis)
  --target URL      a service that runs already, with the model of --bundle. It gets the recipe
                    "simulated-line" and the consumer "simulated-mes", and keeps the inspections
  --key-file FILE   its API key, with the scopes ingest, read and admin (the recipe)
  --seed N          the same parts, sensors and mishaps again (1)
  --bundle DIR      the model, with samples to send (models/demo-part/3)
  --help            this

Sensors drop out, freeze (send their last picture again), come late and come twice. A station sends a part again,
under the same captureId, until it is answered: after 503, after a broken connection, after a kill.

Ends with 0 where the balance holds, and with 1 where it does not; then it names every part that does not fit.
Without --target nothing outside a temporary folder is touched.
`;

export const FORMS = ['sync', 'async', 'pieces'] as const;
export type Form = (typeof FORMS)[number];

export interface LineOptions {
  readonly stations: number;
  readonly taktMs: number;
  readonly seconds: number;
  readonly missing: number;
  readonly late: number;
  readonly duplicate: number;
  readonly forms: readonly Form[];
  readonly store: 'lmdb' | 'redis';
  readonly kill: boolean;
  readonly redisOutage: boolean;
  /** Absent: a service of the simulation's own. */
  readonly target: string | undefined;
  readonly keyFile: string | undefined;
  readonly seed: number;
  readonly bundle: string;
}

/** undefined: help was asked for. Throws a UsageError of one line. */
export function parseLineOptions(args: readonly string[]): LineOptions | undefined {
  const values = read(args);
  if (values.help) return undefined;
  const store = values.store ?? 'lmdb';
  if (store !== 'lmdb' && store !== 'redis')
    throw new UsageError(`--store ${store}: it must be lmdb or redis.`);
  if (values['redis-outage'] && store !== 'redis')
    throw new UsageError('--redis-outage: there is a Redis with --store redis only.');
  const own = (['store', 'kill', 'redis-outage'] as const).find((name) => values[name]);
  if (values.target !== undefined && own !== undefined)
    throw new UsageError(`--${own}: it is for a service of the simulation's own, not for a --target.`);
  if (values['key-file'] !== undefined && values.target === undefined)
    throw new UsageError('--key-file: the simulation asks no keys of its own service; a --target may.');
  const forms = formsOf(values.forms);
  const late = numberIn('late', values.late, 0, 1);
  return {
    stations: wholeNumberIn('stations', values.stations, 1, 200),
    taktMs: wholeNumberIn('takt', values.takt, 10, 600_000),
    seconds: numberIn('seconds', values.seconds, 1, 86_400),
    missing: numberIn('missing', values.missing, 0, 1),
    late: forms.includes('pieces') ? late : 0,
    duplicate: numberIn('duplicate', values.duplicate, 0, 1),
    forms,
    store,
    kill: values.kill,
    redisOutage: values['redis-outage'],
    target: values.target === undefined ? undefined : targetIn(values.target),
    keyFile: values['key-file'],
    seed: wholeNumberIn('seed', values.seed, 0, 2 ** 32 - 1),
    bundle: values.bundle,
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        stations: { type: 'string', default: '8' },
        takt: { type: 'string', default: '500' },
        seconds: { type: 'string', default: '60' },
        missing: { type: 'string', default: '0.4' },
        late: { type: 'string', default: '0.1' },
        duplicate: { type: 'string', default: '0.05' },
        forms: { type: 'string', default: FORMS.join(',') },
        store: { type: 'string' },
        target: { type: 'string' },
        'key-file': { type: 'string' },
        kill: { type: 'boolean', default: false },
        'redis-outage': { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        bundle: { type: 'string', default: 'models/demo-part/3' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function targetIn(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`--target ${text}: it must be an address such as http://127.0.0.1:8080.`);
  return text;
}

function formsOf(text: string): Form[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(FORMS as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new UsageError(`--forms ${text}: "${unknown}" is none of ${FORMS.join(', ')}.`);
  return FORMS.filter((form) => names.includes(form));
}
