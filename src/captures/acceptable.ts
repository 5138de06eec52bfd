// What shows of a capture before it is decoded: it is refused at the door, not later when nobody listens.
import type { ModelRegistry } from '../bundle/registry.js';
import { ServiceError } from '../errors.js';
import { assign } from '../inspect/assign.js';
import type { CaptureMetadata } from '../inspection.js';
import type { Recipes } from '../recipes/recipes.js';

/** Throws ServiceError UNKNOWN_RECIPE, UNKNOWN_MODEL, BAD_REQUEST, UNKNOWN_MODALITY, NO_PARTS. */
export function assertAcceptable(
  parts: ReadonlyMap<string, Uint8Array>,
  metadata: CaptureMetadata,
  model: string | undefined,
  models: ModelRegistry,
  recipes: Recipes,
): void {
  const { bundle } = assign(metadata, model, models, recipes);
  const known = bundle.manifest.modalities.map(({ name }) => name);
  for (const name of parts.keys()) if (!known.includes(name)) throw unknown(name, known);
  if (parts.size === 0)
    throw new ServiceError('NO_PARTS', {
      detail: `The capture carries no modality; send at least one part named ${known.join(', ')}.`,
    });
}

/** A piece may come before the metadata says which model it is for. Throws ServiceError UNKNOWN_MODALITY. */
export function assertKnownModality(name: string, models: ModelRegistry): void {
  const known = new Set(
    models.bundles.flatMap(({ manifest }) => manifest.modalities.map((spec) => spec.name)),
  );
  if (!known.has(name)) throw unknown(name, [...known]);
}

function unknown(name: string, known: readonly string[]): ServiceError {
  return new ServiceError('UNKNOWN_MODALITY', {
    detail: `The model knows no modality "${name}"; it knows: ${known.join(', ')}.`,
    part: name,
  });
}
