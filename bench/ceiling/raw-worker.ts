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
/** The score of each, in their order. */
type Judge = (jobs: readonly RawJob[]) => Promise<number[]>;

const [load] = (await once(port, 'message')) as [ToRawWorker];
if (load.type !== 'load') throw new Error('a raw worker is told what to load first');
const { task, firstJob } = load;
const sessions = await openSessions(task);
const judge = await judgeOf(task);
const scores: number[] = [];
for (const job of new Set(task.jobs)) scores.push(...(await judge([job])));
const begun = once(port, 'message');
send({ type: 'loaded', scores });
await begun;
send({ type: 'done', latenciesMs: await measure() });
for (const session of sessions.values()) await session.release();
port.close();

/** With the options the service gives its own sessions. */
async function openSessions({ jobs, provider }: RawTask): Promise<Map<string, InferenceSession>> {
  const opened = new Map<string, InferenceSession>();
  for (const { graph } of jobs)
    if (!opened.has(graph))
      opened.set(
        graph,
        await InferenceSession.create(graph, {
          executionProviders: [provider],
          intraOpNumThreads: 1,
          interOpNumThreads: 1,
          extra: { session: { intra_op: { allow_spinning: '0' } } },
        }),
      );
  return opened;
}

async function judgeOf({ jobs, decode }: RawTask): Promise<Judge> {
  const beforehand = new Map<RawJob, Feeds>();
  if (!decode) for (const job of new Set(jobs)) beforehand.set(job, await decoded(job));
  return async (batch) => {
    const feeds: Feeds[] = [];
    for (const job of batch) feeds.push(beforehand.get(job) ?? (await decoded(job)));
    return run(batch[0]?.graph ?? '', stacked(feeds));
  };
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

/** Along axis 0; all of one size. */
function stacked(feeds: readonly Feeds[]): Feeds {
  const [first] = feeds;
  if (first === undefined || feeds.length === 1) return first ?? {};
  return Object.fromEntries(
    Object.entries(first).map(([name, { type, dims, data }]) => {
      const length = data.length * feeds.length;
      const all = data instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length);
      for (const [i, each] of feeds.entries()) all.set(each[name]?.data as Uint8Array, i * data.length);
      return [name, new Tensor(type as 'uint8', all, [feeds.length, ...dims.slice(1)])];
    }),
  );
}

/** All outputs, maps too: the service needs them. */
async function run(graph: string, feeds: Feeds): Promise<number[]> {
  const session = sessions.get(graph);
  if (session === undefined) throw new Error(`${graph} is not open`);
  const { score } = await session.run(feeds);
  return [...((score?.data ?? []) as Float32Array)];
}

async function measure(): Promise<number[]> {
  const latenciesMs: number[] = [];
  const startMs = performance.now() + task.warmUpMs;
  const endMs = startMs + task.measureMs;
  for (let at = firstJob; ; at += task.batch) {
    const batch = Array.from({ length: task.batch }, (_, i) => jobAt(at + i));
    const begunMs = performance.now();
    await judge(batch);
    const nowMs = performance.now();
    if (nowMs >= endMs) return latenciesMs;
    if (nowMs >= startMs) for (const _ of batch) latenciesMs.push(nowMs - begunMs);
  }
}

/** Over and over. */
function jobAt(turn: number): RawJob {
  const job = task.jobs[turn % task.jobs.length];
  if (job === undefined) throw new RangeError('a raw worker needs a job');
  return job;
}

function send(message: FromRawWorker): void {
  port.postMessage(message);
}
