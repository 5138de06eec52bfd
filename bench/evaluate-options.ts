// The command line of `npm run evaluate`.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { numberIn, UsageError, wholeNumberIn } from './command-line.js';
import { PROTOCOLS, type Protocol } from './missing.js';
import type { Loss } from './plan.js';

export const HELP = `Evaluates a bundle through the wire: sends a labelled folder to the service, capture by capture.

  npm run evaluate -- --data DIR [options]

  --data DIR       the folder: DIR/test/<label>/<modality>/ID.ext, label "good" for good parts,
                   anything else for defective ones; files of one part carry the same ID
  --bundle DIR     the bundle, models/<name>/<version>     (default models/demo-part/3)
  --url URL        a service that runs this bundle; without it one is started for the evaluation
  --missing RATE   lose modalities at this rate, 0 to 1    (default 0: send all there are)
  --protocol NAME  how they are lost                       (default sample)
                     sample  a capture is incomplete with probability RATE,
                             and keeps a uniformly drawn subset
                     bern    each modality is lost with probability RATE, one is kept
                     one     a capture is incomplete with probability RATE, and lacks exactly one
  --seed N         draws the same subsets again            (default 1)
  --concurrency N  captures under way at once              (default 4)
  --trainer PATH   branchline-train, to compare with       (default training/.venv, then PATH)
  --json FILE      write all figures and every answer there
  --help           this text

Prints AUROC, verdicts against labels, latencies and branches, and the difference to what
"branchline-train evaluate" says of the same bundle and the same subsets.
Exit code: 0 where both agree to 0.001 AUROC or there is no trainer, 1 where not, 2 for a wrong command line.

Examples
  npm run evaluate -- --data data/demo-part
  npm run evaluate -- --data data/demo-part --missing 0.4 --protocol bern --seed 7 --json out.json
`;

export interface EvaluateOptions {
  readonly data: string;
  readonly bundle: string;
  readonly url: string | undefined;
  readonly loss: Loss;
  readonly concurrency: number;
  readonly trainer: string | undefined;
  readonly json: string | undefined;
}

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  data: TEXT,
  bundle: { ...TEXT, default: 'models/demo-part/3' },
  url: TEXT,
  missing: { ...TEXT, default: '0' },
  protocol: { ...TEXT, default: 'sample' },
  seed: { ...TEXT, default: '1' },
  concurrency: { ...TEXT, default: '4' },
  trainer: TEXT,
  json: TEXT,
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

/** 'help' where that is asked for. Throws UsageError. */
export function parseEvaluateOptions(args: readonly string[]): EvaluateOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  if (values.data === undefined) throw new UsageError('--data DIR is missing: the labelled folder to send.');
  return {
    data: values.data,
    bundle: values.bundle,
    url: values.url === undefined ? undefined : httpUrl(values.url),
    loss: {
      rate: numberIn('missing', values.missing, 0, 1),
      protocol: protocolOf(values.protocol),
      seed: wholeNumberIn('seed', values.seed, 0, 2 ** 32 - 1),
    },
    concurrency: wholeNumberIn('concurrency', values.concurrency, 1, 256),
    trainer: values.trainer,
    json: values.json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function protocolOf(text: string): Protocol {
  const found = PROTOCOLS.find((protocol) => protocol === text);
  if (found === undefined) throw new UsageError(`--protocol ${text}: it must be ${PROTOCOLS.join(', ')}.`);
  return found;
}

function httpUrl(text: string): string {
  if (!/^https?:/.test(text) || !URL.canParse(text))
    throw new UsageError(`--url ${text}: it must be the service's address, such as http://127.0.0.1:8080.`);
  return text;
}
