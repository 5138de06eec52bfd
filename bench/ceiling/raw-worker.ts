// Bare ONNX Runtime in a thread: decode, run, again. What a server can at best come near to.
import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { decodePart } from '../../src/modality/decode.js';
import type { ModalityTensor } from '../../src/modality/tensor.js';
import type { FromRawWorker, RawJob, RawTask, ToRawWorker } from './protocol.js';

if (parentPort === null) throw new Error('raw-worker is started by raw-main, not by hand');
const port = parentPort;

type Feeds = Record<string, Tensor>;
type Judge = (job: RawJob) => Promise<number>;

const [load] = (await once(port, 'message')) as [ToRawWorker];
if (load.type !== 'load') throw new Error('a raw worker is told what to load first');
const { task, firstJob } = load;
const sessions = await openSessions(task);
const judge = await judgeOf(task);
const scores: number[] = [];
for (const job of new Set(task.jobs)) scores.push(await judge(job));
const begun = once(port, 'message');
send({ type: 'loaded', scores });
await begun;
send({ type: 'done', latenciesMs: await measure() });
for (const session of sessions.values()) await session.release();
port.close();

/** With the options the service gives its own sessions. */
async function openSessions({ jobs }: RawTask): Promise<Map<string, InferenceSession>> {
  const opened = new Map<string, InferenceSession>();
  for (const { graph } of jobs)
    if (!opened.has(graph))
      opened.set(
        graph,
        await InferenceSession.create(graph, {
          executionProviders: ['cpu'],
          intraOpNumThreads: 1,
          interOpNumThreads: 1,
          extra: { session: { intra_op: { allow_spinning: '0' } } },
        }),
      );
  return opened;
}

async function judgeOf({ jobs, decode }: RawTask): Promise<Judge> {
  if (decode) return async (job) => run(job, await decoded(job));
  const beforehand = new Map<RawJob, Feeds>();
  for (const job of new Set(jobs)) beforehand.set(job, await decoded(job));
  return (job) => run(job, beforehand.get(job) ?? {});
}

async function decoded({ parts }: RawJob): Promise<Feeds> {
  const feeds: Feeds = {};
  // No budget: a ceiling of memory is the service's.
  for (const { spec, file } of parts)
    feeds[spec.name] = toTensor(await decodePart(file, spec, {}, () => () => {}));
  return feeds;
}

function toTensor({ dtype, shape, data }: ModalityTensor): Tensor {
  return dtype === 'uint8'
    ? new Tensor('uint8', data as Uint8Array, [1, ...shape])
    : new Tensor('float32', data as Float32Array, [1, ...shape]);
}

/** All outputs, maps too: the service needs them. */
async function run({ graph }: RawJob, feeds: Feeds): Promise<number> {
  const session = sessions.get(graph);
  if (session === undefined) throw new Error(`${graph} is not open`);
  const { score } = await session.run(feeds);
  return Number(score?.data[0]);
}

async function measure(): Promise<number[]> {
  const latenciesMs: number[] = [];
  const startMs = performance.now() + task.warmUpMs;
  const endMs = startMs + task.measureMs;
  for (let turn = firstJob; ; turn++) {
    const job = task.jobs[turn % task.jobs.length];
    if (job === undefined) throw new RangeError('a raw worker needs a job');
    const begunMs = performance.now();
    await judge(job);
    const nowMs = performance.now();
    if (nowMs >= endMs) return latenciesMs;
    if (nowMs >= startMs) latenciesMs.push(nowMs - begunMs);
  }
}

function send(message: FromRawWorker): void {
  port.postMessage(message);
}
