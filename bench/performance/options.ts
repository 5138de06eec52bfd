// The command line of `npm run bench`.
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { numberIn, UsageError, wholeNumberIn } from '../command-line.js';
import { CONTENDERS, type ContenderName } from '../contenders/contender.js';

export const HELP = `Measures the service against bare ONNX Runtime and against other servers, and writes the table.

  npm run bench                       the whole of it: an hour, on a machine that does nothing else
  npm run bench -- --quick            a minute or two, to see that all of it works; the figures mean little
  npm run bench -- --only branchline,mosec

  --rounds N     each contender is started and measured so often, in turn   (default 3; quick 1)
  --seconds N    each closed loop is measured so long; open loops twice that and 3 s more
                                                                            (default 5; quick 1)
  --warm-up N    before the first of them each contender is kept busy for so many seconds, which do not count
                                                                            (default 60; quick 1)
  --only NAMES   ${CONTENDERS.join(', ')}, by comma   (default all)
  --python PATH  runs the peers; it must have what bench/peers/requirements.txt names, for CUDA onnxruntime-gpu
                 in onnxruntime's place          (default: a virtual environment under var/bench, made on first use)
  --trainer PATH branchline-train, which writes the single-graph files      (default training/.venv, then PATH)
  --out FILE     where the page goes  (default docs/performance.md, with cuda docs/performance-cuda.md, and so on;
                 under var/bench for a run that is quick or leaves contenders out)
  --help         this text

EXECUTION_PROVIDERS=cuda npm run bench measures on a GPU: bare ONNX Runtime by workers and batch first; the fastest
of these is the ceiling of captures that are run only.

Every contender judges the same pictures on the same graph with as many workers as there are cores.
Beside each one the ceiling is measured anew: bare ONNX Runtime in worker threads, without HTTP.
Ratios within a round are the result; times belong to the machine. Needs training/.venv (npm run trainer)
for the single-graph files, and Python >= 3.11 for the peers. A peer that cannot be installed or started is named
in the table with its reason. All raw figures are kept in var/bench/results.json, after each contender.
Exit code: 0 where the run came to its end, whatever it showed; 1 where not, or where Branchline itself could not be
measured; 2 for a wrong command line.
`;

export interface BenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly only: readonly ContenderName[];
  /** Undefined: one of its own is made. */
  readonly python: string | undefined;
  readonly trainer: string | undefined;
  readonly out: string;
}

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  quick: { type: 'boolean', default: false },
  rounds: TEXT,
  seconds: TEXT,
  'warm-up': TEXT,
  only: { ...TEXT, default: CONTENDERS.join() },
  python: TEXT,
  trainer: TEXT,
  out: TEXT,
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

/** 'help' where that is asked for. Throws UsageError. */
export function parseBenchOptions(args: readonly string[], provider: string): BenchOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const { quick } = values;
  const only = contendersOf(values.only);
  const whole = !quick && only.length === CONTENDERS.length;
  const page = provider === 'cpu' ? 'performance.md' : `performance-${provider}.md`;
  return {
    quick,
    rounds: wholeNumberIn('rounds', values.rounds ?? (quick ? '1' : '3'), 1, 100),
    seconds: numberIn('seconds', values.seconds ?? (quick ? '1' : '5'), 0.2, 600),
    warmUpSeconds: numberIn('warm-up', values['warm-up'] ?? (quick ? '1' : '60'), 0, 600),
    only,
    python: values.python,
    trainer: values.trainer,
    out: values.out ?? join(...(whole ? ['docs'] : ['var', 'bench']), page),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function contendersOf(text: string): ContenderName[] {
  const named = text.split(',').map((name) => name.trim());
  const unknown = named.find((name) => !CONTENDERS.some((contender) => contender === name));
  if (unknown !== undefined)
    throw new UsageError(`--only ${unknown}: it must be of ${CONTENDERS.join(', ')}.`);
  return CONTENDERS.filter((contender) => named.includes(contender));
}
