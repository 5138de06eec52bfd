// The load generator's process: one task, one result, and it ends.
import { runClosedLoop } from './closed-loop.js';
import { runOpenLoop } from './open-loop.js';
import type { LoadResult, LoadTask } from './protocol.js';

process.once('message', async (task: LoadTask) => {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const outcome =
    task.kind === 'closed'
      ? { sent: await runClosedLoop(task), probesMs: {}, recoveryMs: undefined }
      : await runOpenLoop(task);
  const { user, system } = process.cpuUsage(cpu);
  const generatorCpuShare = (user + system) / 1000 / (performance.now() - startedMs);
  const result: LoadResult = { ...outcome, generatorCpuShare };
  process.send?.(result, () => process.disconnect());
});
