// How a measurement was made, as the page tells it.
import { PARTS_TO_A_DEFECTIVE } from './mixture.js';

const ON_A_GPU = `On the GPU "run only" has the workers and the batch that are fastest in "Batches"; what is decoded too, a worker a
core and one capture a run, as the peers, which have as many processes. Branchline has its defaults, one worker and
batches of 16 at most. Arithmetic is fp32 everywhere (\`NVIDIA_TF32_OVERRIDE=0\`). The mix has no ceiling there.

`;

export function methodText(warmUpSeconds: number, onGpu: boolean): string {
  return `${onGpu ? ON_A_GPU : ''}Every contender judges the same pictures (\`models/demo-part\`, branch \`rgb\`) with as many workers of one
thread as there are cores. The peers and the ceiling run the branch as one merged graph
(\`branchline-train export --single-file\`), Branchline runs its bundle: encoder, then head. Peers decode with the
library that is usual in their language (Pillow, sharp), the ceiling as Branchline does. Peers answer with the score alone; Branchline with the whole inspection, stored before it is answered. A run that is alone has all cores of
Branchline's (decision 0025), and one of the ceiling's.

- **Ceiling**: bare onnxruntime-node in worker threads, without HTTP, measured anew beside each contender: before and
  after its loop of one client with one worker, and before, between and after those of 8 and 32 with all of them; the
  means. Every "÷ ceiling" is taken within its own round, and
  contenders are compared by their shares of the ceilings beside them; the order of the contenders turns from round to round.
- **Pictures**: one in ${PARTS_TO_A_DEFECTIVE} of those sent alone shows a defective part, as on a line; good and defective ones
  each in turn, for the ceiling too. The mix is whole captures, one in ${PARTS_TO_A_DEFECTIVE} defective, each in every branch.
  Branchline runs with its defaults: \`KEEP_CAPTURES=review\` keeps a thumbnail of every part that it does not find good.
  "png, all defective" is what that costs at worst: PNGs of defective parts alone, held against the same ceiling.
- **Warm-up**: before its first closed loop each contender is sent PNG and JPEG pictures by as many clients as in the
  busiest loop, for ${warmUpSeconds} s that do not count: a JIT needs thousands of captures. Each loop, and the ceiling, which
  has little to compile, begins with a second at most that does not count either.
- **Closed loop**: each client sends its next capture when the last is answered.
- **Open loop**: captures come at random moments (Poisson) whatever became of those before, at a multiple of the
  contender's own capacity, which is its highest rate in the closed loops with PNG. The client hangs up after the
  deadline. The first seconds do not count. Latency counts from the moment planned, of captures answered in time.
- **Recovery**: from the last arrival until one client finds three answers in a row within twice its usual time. The
  next load begins then, so that no contender carries a backlog from one to the next.
- **Load generator**: a process of its own on the same machine, plain sockets that are kept alive. It takes its share
  of the cores from the contender, and not from the ceiling.
- Cells are medians over the rounds, with the least and the greatest in brackets. RSS is that of all processes of a
  contender; a page shared by two counts twice.`;
}
