// Starts the service: configuration, rooms, listen; ends it with grace, or in one line where it cannot start.
import { setFlagsFromString } from 'node:v8';
import { endOnSignal } from './app/ending.js';
import { type App, openApp } from './app.js';
import { type Config, describeConfig, loadConfig } from './config.js';

const HELP = `node dist/src/main.js                   start the service, configured by environment variables
node dist/src/main.js --check-config    print the configuration in force, secrets masked: exit code 0, or 1 and why not
node dist/src/main.js --help

docs/configuration.md explains every variable.
`;

// V8 counts the bytes of pictures as its own and collected every twentieth capture: 6 % of the throughput, measured,
// for the 40 MB more that it may now hold under load.
setFlagsFromString('--heap-growing-percent=400');

const [option, ...rest] = process.argv.slice(2);
try {
  if (rest.length > 0) throw new Error(`"${rest[0]}" is one word too many; --help says what there is`);
  if (option === '--help') process.stdout.write(HELP);
  else if (option === '--check-config') process.stdout.write(describeConfig());
  else if (option === undefined) await start();
  else throw new Error(`"${option}" is no option; --help says what there is`);
} catch (error) {
  process.stderr.write(`branchline cannot start: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function start(): Promise<void> {
  const config = loadConfig();
  const app = await openApp(config);
  await listen(app, config);
  endOnSignal(app, { delayMs: config.shutdownDelayMs, graceMs: config.shutdownGraceMs, log: app.server.log });
}

async function listen(app: App, { host, port }: Config): Promise<void> {
  try {
    await app.server.listen({ host, port });
  } catch (error) {
    await app.close();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new Error(`PORT: ${port} on ${host} is taken by another program; set another PORT`, {
        cause: error,
      });
    if (code === 'EACCES')
      throw new Error(`PORT: ${port} may not be opened; set one above 1023`, { cause: error });
    throw new Error(`HOST=${host}, PORT=${port}: ${message}`, { cause: error });
  }
}
