// The servers Branchline is held against, each set up as its own documentation recommends: bench/peers.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startServer } from '../child-server.js';
import { environmentOfGpu, providerOf } from '../provider.js';
import {
  type Contender,
  type ContenderName,
  LIVE_EVERY_MS,
  METRICS_EVERY_MS,
  type Picture,
} from './contender.js';

export type PeerName = Exclude<ContenderName, 'branchline'>;

/** Relative to the compiled file: the Python sources are not compiled. */
const PEERS = fileURLToPath(new URL('../../../bench/peers', import.meta.url));
const NAIVE = fileURLToPath(new URL('../peers/naive-fastify.js', import.meta.url));

interface PeerSetUp {
  readonly title: string;
  readonly needsPython: boolean;
  command(port: number, python: string): readonly [command: string, ...args: string[]];
  /** Its own word for "I am alive". */
  readonly live: string;
  readonly metrics?: string;
}

const workers = String(availableParallelism());

const SET_UPS: Readonly<Record<PeerName, PeerSetUp>> = {
  mosec: {
    title: 'mosec',
    needsPython: true,
    command: (port, python) => [
      python,
      ...['mosec_server.py', '--address', '127.0.0.1', '--port', String(port), '--log-level', 'warning'],
    ],
    live: '/',
    metrics: '/metrics',
  },
  fastapi: {
    title: 'FastAPI + onnxruntime',
    needsPython: true,
    command: (port, python) => [
      python,
      ...['-m', 'uvicorn', 'fastapi_server:app', '--host', '127.0.0.1', '--port', String(port)],
      ...['--workers', workers, '--log-level', 'warning'],
    ],
    live: '/health',
  },
  litserve: {
    title: 'LitServe',
    needsPython: true,
    command: (_port, python) => [python, 'litserve_server.py'],
    live: '/health',
  },
  fastify: {
    title: 'naive Fastify',
    needsPython: false,
    command: () => [process.execPath, NAIVE],
    live: '/health',
  },
};

export interface PeerInstallation {
  /** The single-graph file of the branch. */
  readonly graph: string;
  /** Throws an Error of one line where the virtual environment cannot be made. */
  python(): Promise<string>;
}

export function peer(name: PeerName, { graph, python }: PeerInstallation): Contender {
  const { title, needsPython, command, live, metrics } = SET_UPS[name];
  return {
    name,
    title,
    start: async (folder) => {
      const port = await freePort();
      const [executable, ...args] = command(port, needsPython ? await python() : '');
      const url = `http://127.0.0.1:${port}`;
      const server = await startServer({
        what: title,
        command: executable,
        args,
        cwd: PEERS,
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          PYTHONDONTWRITEBYTECODE: '1',
          // Nobody is to report to ONNX Runtime's maker, nor to be measured while it does.
          ORT_DISABLE_TELEMETRY: '1',
          // The same arithmetic for all.
          NVIDIA_TF32_OVERRIDE: '0',
          ...environmentOfGpu(process.env),
          PEER_PROVIDER: providerOf(process.env),
          PEER_GRAPH: graph,
          PEER_PORT: String(port),
          PEER_WORKERS: workers,
        },
        readyUrl: `${url}${live}`,
        logFile: join(folder, `${name}.log`),
      });
      return { ...server, url };
    },
    requestFor: ({ contentType, bytes }: Picture) => ({
      method: 'POST',
      path: '/inference',
      headers: { 'content-type': contentType },
      body: bytes,
    }),
    probes: [
      { path: live, everyMs: LIVE_EVERY_MS },
      ...(metrics === undefined ? [] : [{ path: metrics, everyMs: METRICS_EVERY_MS }]),
    ],
  };
}
