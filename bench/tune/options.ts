// The command line of `npm run tune`.
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { numberIn, UsageError } from '../command-line.js';

export const HELP = `Finds how many inference threads this machine should run a bundle with, and writes it down.

  npm run tune                          the demo bundle, on its own sample captures
  npm run tune -- --bundle models/bracket/2 --data data/bracket

  --bundle DIR   the bundle, models/<name>/<version>          (default models/demo-part/3)
  --data DIR     captures to send, a labelled folder: DIR/test/<label>/<modality>/ID.ext
                                                              (default: the bundle's own samples)
  --seconds N    each setting is measured so long             (default 5)
  --out FILE     where the settings go                        (default var/tuning.env)
  --help         this text

WORKERS x INTRA_OP_THREADS, up to as many of each as there are cores, are tried on the service itself, saturated
and with one client; on a GPU (EXECUTION_PROVIDERS, as for the service) also MAX_BATCH. Do nothing else on the
machine meanwhile. The most captures a second win; where two are within 3 %, the one that answers a single
client sooner. FILE is an environment file: node --env-file=FILE dist/src/main.js, docker run --env-file FILE,
EnvironmentFile=FILE.
Exit code: 0 where it is written, 1 where a setting could not be measured, 2 for a wrong command line.
`;

export interface TuneOptions {
  readonly bundle: string;
  readonly data: string | undefined;
  readonly seconds: number;
  readonly out: string;
}

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  bundle: { ...TEXT, default: 'models/demo-part/3' },
  data: TEXT,
  seconds: { ...TEXT, default: '5' },
  out: { ...TEXT, default: join('var', 'tuning.env') },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

/** 'help' where that is asked for. Throws UsageError. */
export function parseTuneOptions(args: readonly string[]): TuneOptions | 'help' {
  const { help, seconds, bundle, data, out } = parse(args);
  if (help) return 'help';
  return { bundle, data, out, seconds: numberIn('seconds', seconds, 0.2, 600) };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
