// Runs the command of an image as a container would: its variables, its user, its health check, SIGTERM.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ImageCommand {
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly user: { readonly uid?: number | undefined; readonly gid?: number | undefined };
}

const HEALTHY_WITHIN_MS = 60_000;
const POLL_EVERY_MS = 500;

/** Resolves once it is healthy. `stop` throws where it does not end with code 0, or is healthy after its end. */
export async function startImage(image: ImageCommand): Promise<{ stop(): Promise<void> }> {
  const { cmd, cwd, env } = image;
  const [program = '', ...args] = cmd;
  const user = withoutUndefined(image.user);
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'], ...user });
  const exited = once(child, 'exit');
  const isHealthy = () => {
    const [checker = '', ...checks] = image.healthcheck;
    return spawnSync(checker, checks, { cwd, env, ...user }).status === 0;
  };
  const giveUpMs = performance.now() + HEALTHY_WITHIN_MS;
  while (!isHealthy()) {
    if (child.exitCode !== null) throw new Error(`The command ended with ${child.exitCode}.`);
    if (performance.now() > giveUpMs) {
      child.kill('SIGKILL');
      throw new Error(`The command was not healthy within ${HEALTHY_WITHIN_MS / 1000} s.`);
    }
    await sleep(POLL_EVERY_MS);
  }
  return {
    async stop() {
      child.kill('SIGTERM');
      const [code, signal] = await exited;
      if (code !== 0) throw new Error(`On SIGTERM the command ended with ${code ?? signal}, not with 0.`);
      if (isHealthy()) throw new Error('The health check is content with a service that has ended.');
    },
  };
}

function withoutUndefined(user: ImageCommand['user']): { uid?: number; gid?: number } {
  return user.uid === undefined || user.gid === undefined ? {} : { uid: user.uid, gid: user.gid };
}
