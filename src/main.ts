// Starts the service: configuration, rooms, listen; ends it with grace, or in one line where it cannot start.
import { endOnSignal } from './app/ending.js';
import { type App, openApp } from './app.js';
import { type Config, loadConfig } from './config.js';

try {
  const config = loadConfig();
  const app = await openApp(config);
  await listen(app, config);
  endOnSignal(app, { delayMs: config.shutdownDelayMs, graceMs: config.shutdownGraceMs, log: app.server.log });
} catch (error) {
  process.stderr.write(`branchline cannot start: ${(error as Error).message}\n`);
  process.exitCode = 1;
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
