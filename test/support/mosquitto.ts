// An MQTT broker of the test's own: mosquitto on a free port, gone when stopped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort } from './process.js';

const HOW_TO_GET_IT =
  'mosquitto is missing: "apt-get install mosquitto" (Debian, Ubuntu) or "brew install mosquitto" (macOS) brings it.';

export interface Broker {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** Resolves once the broker takes connections; rejects with one line where it is missing or does not start. */
export async function startBroker(port?: number): Promise<Broker> {
  const own = port ?? (await freePort());
  // Debian keeps it where only root looks.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin` };
  // Without a file of settings it listens on the loopback interface only, and lets everybody in.
  const broker = spawn('mosquitto', ['-p', `${own}`], { stdio: 'ignore', env });
  let fault: Error | undefined;
  broker.once('error', (cause) => {
    fault = new Error(HOW_TO_GET_IT, { cause });
  });
  broker.once('exit', (code) => {
    fault ??= new Error(`mosquitto ended at once with exit code ${code}.`);
  });
  while (!(await takesConnections(own))) {
    if (fault !== undefined) throw fault;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    port: own,
    url: `mqtt://127.0.0.1:${own}`,
    stop: async () => {
      if (broker.exitCode !== null || broker.signalCode !== null) return;
      broker.kill('SIGKILL');
      await once(broker, 'exit');
    },
  };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
