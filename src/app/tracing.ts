// Opens tracing: with an export where one is configured, whose library is loaded only then.
import type { Config } from '../config.js';
import type { Inspection } from '../inspection.js';
import { type Attributes, plainTracing, type Tracing } from '../tracing/tracing.js';

/** `onFailure`: spans could not be sent; nothing else suffers. */
export async function openTracing(
  { otlp }: Pick<Config, 'otlp'>,
  onFailure: (detail: string) => void,
): Promise<Tracing> {
  if (otlp === undefined) return plainTracing;
  const { openOtlpTracing } = await import('../tracing/otlp.js');
  return openOtlpTracing({ ...otlp, onFailure });
}

/** What somebody looks for in a store of traces; no picture, no part number. */
export function attributesOf({ inspectionId, verdict, branch, lineId, model }: Inspection): Attributes {
  return {
    'branchline.inspection': inspectionId,
    'branchline.verdict': verdict,
    'branchline.model': model === null ? '' : `${model.name}@${model.version}`,
    ...(branch !== null && { 'branchline.branch': branch }),
    ...(lineId !== null && { 'branchline.line': lineId }),
  };
}
