// Every stage of a capture shows in the metrics of the running service: that none is forgotten where rooms are wired.
import { expect, it } from '@jest/globals';
import { inspect } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { startService } from '../support/service.js';
import { goldenCapture } from '../support/tiny-bundle.js';

it('times each stage of a capture once', async () => {
  const service = await startService();
  const { heatmap } = await inspect(service.url, (await goldenCapture(0)).parts);
  await (await fetch(`${service.url}${heatmap?.href}`)).arrayBuffer();
  const stages = ['receive', 'decode', 'gate', 'queue', 'run', 'judge', 'store', 'render'];
  const counts = await Promise.all(
    stages.map((stage) => metric(service.url, `branchline_inspection_stage_seconds_count{stage="${stage}"}`)),
  );
  await service.close();
  expect(Object.fromEntries(stages.map((stage, at) => [stage, counts[at]]))).toEqual(
    Object.fromEntries(stages.map((stage) => [stage, 1])),
  );
});
