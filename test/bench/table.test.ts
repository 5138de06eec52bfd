// Text tables, and the demo's use of them.
import { expect, it } from '@jest/globals';
import { RefusedError } from '../../bench/client.js';
import { addresses, demoTable } from '../../bench/demo-report.js';
import { textTable } from '../../bench/table.js';
import { anInspection } from '../store/samples.js';

it('makes columns as wide as their widest cell', () => {
  const table = textTable(
    [{ title: 'name' }, { title: 'ms', align: 'right' }],
    [
      ['a', '7'],
      ['longer', '1234'],
    ],
  );
  expect(table.split('\n')).toEqual(['name      ms', '──────  ────', 'a          7', 'longer  1234']);
});

const capture = (id: string, ...modalities: string[]) => ({
  id,
  label: 'dent',
  note: 'depth covered',
  files: new Map(modalities.map((name) => [name, `${id}/${name}.png`])),
});

it('shows what was sent, used and dropped, and why', () => {
  const inspection = anInspection();
  const played = [
    { capture: capture('001', 'depth', 'rgb', 'thermal'), outcome: { inspection, latencyMs: 12.4 } },
    { capture: capture('002', 'rgb'), outcome: new RefusedError(422, 'NO_BRANCH', 'No branch serves rgb.') },
  ];
  const [, , first, second] = demoTable(played, ['acoustic', 'depth', 'rgb', 'thermal']).split('\n');
  expect(first).toMatch(/^001 +dent: depth covered +· +✕ +● +● +rgb\+thermal +0\.830 +NG +12 +depth: blank$/);
  expect(second).toMatch(/^002 .*· +· +● +· .*422 NO_BRANCH +No branch serves rgb\.$/);
});

it('gives addresses to open and a curl command to paste', () => {
  const ng = anInspection({ captureId: '001' });
  const text = addresses({ serviceUrl: 'http://127.0.0.1:8080', ng, example: capture('001', 'rgb') });
  expect(text).toContain(`Heat map of 001  http://127.0.0.1:8080${ng.heatmap?.href}?overlay=1`);
  expect(text).toContain("curl http://127.0.0.1:8080/v1/inspections \\\n    -F 'rgb=@001/rgb.png'");
});
