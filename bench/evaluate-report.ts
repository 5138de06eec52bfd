// What an evaluation prints.
import { ALLOWED_DIFFERENCE, type Comparison } from './comparison.js';
import type { EvaluateOptions } from './evaluate-options.js';
import { type Figures, VERDICTS } from './figures.js';
import { textTable } from './table.js';

export function figuresReport(model: string, options: EvaluateOptions, figures: Figures): string {
  const { good, defective } = figures.captures;
  const { loss, data, concurrency } = options;
  const sent =
    loss.rate === 0
      ? 'every modality there is'
      : `modalities lost at rate ${loss.rate} (${loss.protocol}, seed ${loss.seed})`;
  const verdictRows = (['good', 'defective'] as const).map((label) => [
    label,
    ...VERDICTS.map((verdict) => String(figures.confusion[label][verdict])),
  ]);
  const branchRows = figures.branches.map(({ branch, captures, auroc }) => [
    branch,
    String(captures),
    share(auroc),
  ]);
  const right = (title: string) => ({ title, align: 'right' as const });
  return [
    `${model} on ${data}: ${good + defective} captures (${good} good, ${defective} defective), ${sent}`,
    unscored(figures),
    textTable([{ title: 'label' }, ...VERDICTS.map(right)], verdictRows),
    textTable([{ title: 'branch' }, right('captures'), right('AUROC')], branchRows),
    latency(figures, concurrency),
    `Image AUROC ${share(figures.auroc)}${interval(figures)}, over the wire`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

export function comparisonReport(comparison: Comparison): string {
  const { trainerAuroc, difference, agrees, largest, onlyTrainer, otherBranch } = comparison;
  const lines = [`Image AUROC ${share(trainerAuroc)}, the trainer on the same captures`];
  if (difference !== null)
    lines.push(
      `Difference  ${difference.toFixed(6)}: ${agrees ? 'they agree' : 'THEY DO NOT AGREE'} (allowed ${ALLOWED_DIFFERENCE})`,
    );
  if (largest !== null)
    lines.push(
      `Largest difference of one score ${largest.difference.toExponential(1)}, at ${largest.capture}`,
    );
  if (otherBranch.length > 0) lines.push(`Judged by another branch: ${listed(otherBranch)}`);
  if (onlyTrainer.length > 0) lines.push(`Scored by the trainer, not by the service: ${listed(onlyTrainer)}`);
  return lines.join('\n');
}

function unscored({ refused, dropped }: Figures): string {
  const lines = [];
  if (Object.keys(refused).length > 0) lines.push(`Refused: ${counts(refused)}`);
  if (Object.keys(dropped).length > 0) lines.push(`Dropped parts: ${counts(dropped)}`);
  return lines.join('\n');
}

function latency({ latencyMs }: Figures, concurrency: number): string {
  if (latencyMs === null) return '';
  const [p50, p90, p99] = [latencyMs.p50, latencyMs.p90, latencyMs.p99].map((ms) => ms.toFixed(1));
  return `Latency p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, ${concurrency} at once`;
}

function interval({ interval: found }: Figures): string {
  return found === null ? '' : ` (95 % bootstrap interval ${share(found.low)} to ${share(found.high)})`;
}

function share(value: number | null): string {
  return value === null ? '–' : value.toFixed(4);
}

function counts(tally: Readonly<Record<string, number>>): string {
  return Object.entries(tally)
    .map(([name, count]) => `${name} × ${count}`)
    .join(', ');
}

const SHOWN = 5;

function listed(names: readonly string[]): string {
  const rest = names.length - SHOWN;
  return names.slice(0, SHOWN).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
