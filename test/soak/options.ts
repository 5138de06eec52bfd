// The command line of `npm run soak`.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { numberIn, UsageError, wholeNumberIn } from '../../bench/command-line.js';

export const HELP = `Wears the service out, and looks whether every answer is still the right one.

  npm run soak                                   a minute or two
  npm run soak -- --captures 20000 --loads 200   the long one: half an hour or so

  --only LEGS        identity, captures, loads, by comma                          (default all)
  --captures N       captures of the identity leg, and as many of the captures leg (default 400)
  --loads N          how often the bundle is loaded and let go of; under 16 says nothing (default 16)
  --clients N        stations at once                                             (default 32)
  --kill-every S     seconds between two kills: a worker, a worker, the service   (default 4)
  --seed N           draws the same captures, aborts and kills again              (default 1)
  --models DIR, --model NAME@VERSION                           (default models, demo-part@3)
  --help             this text

identity: every capture is a mixture of golden inputs whose score was asked for beforehand, one at a time. Some
          stations hang up, some are slow, and every few seconds a worker crashes or the service is killed
          (SIGKILL) and started again on the same store. An answer with another capture's id, branch or score
          is a mix-up; a capture without answer or error is lost; an answer marked as stored that the feed does
          not hold exactly once is lost, too.
captures: the growth of the service's own memory over captures, while nothing is killed.
loads:    its growth over loads of the bundle.

Exit code: 0 where all is well; 1 for any mix-up, loss, wrong error or leak; 2 for a wrong command line.
`;

export const LEGS = ['identity', 'captures', 'loads'] as const;
export type Leg = (typeof LEGS)[number];

export interface SoakOptions {
  readonly only: readonly Leg[];
  readonly captures: number;
  readonly loads: number;
  readonly clients: number;
  readonly killEveryMs: number;
  readonly seed: number;
  readonly modelsDir: string;
  /** "name@version". */
  readonly model: string;
}

const text = (fallback: string) => ({ type: 'string', default: fallback }) as const;
const OPTIONS = {
  only: text(LEGS.join()),
  captures: text('400'),
  loads: text('16'),
  clients: text('32'),
  'kill-every': text('4'),
  seed: text('1'),
  models: text('models'),
  model: text('demo-part@3'),
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

/** 'help' where that is asked for. Throws UsageError. */
export function parseSoakOptions(args: readonly string[]): SoakOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  if (!/^[^@/]+@\d+$/.test(values.model))
    throw new UsageError(`--model ${values.model}: it must be name@version, such as demo-part@3.`);
  return {
    only: legsOf(values.only),
    captures: wholeNumberIn('captures', values.captures, 1, 10_000_000),
    loads: wholeNumberIn('loads', values.loads, 0, 100_000),
    clients: wholeNumberIn('clients', values.clients, 1, 1024),
    killEveryMs: 1000 * numberIn('kill-every', values['kill-every'], 0.2, 3600),
    seed: wholeNumberIn('seed', values.seed, 0, 2 ** 32 - 1),
    modelsDir: values.models,
    model: values.model,
  };
}

function legsOf(given: string): Leg[] {
  const named = given.split(',').map((name) => name.trim());
  const unknown = named.find((name) => !LEGS.some((leg) => leg === name));
  if (unknown !== undefined) throw new UsageError(`--only ${unknown}: it must be of ${LEGS.join(', ')}.`);
  return LEGS.filter((leg) => named.includes(leg));
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
