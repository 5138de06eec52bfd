// Recipes: read, write and delete them by revision, and have their thresholds proposed from good parts.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ModelRegistry } from '../bundle/registry.js';
import { identifier } from '../inspection.js';
import { METHOD, propose } from '../recipes/propose.js';
import { type RecipeRevision, recipeRevision, recipeSchema } from '../recipes/recipe.js';
import { noRecipe, type Precondition, type Recipes, tagOf } from '../recipes/recipes.js';
import type { ResultStore } from '../store/store.js';
import { jsonBodyOf, readJsonBody } from './json-body.js';
import { problems } from './problem.js';

export interface RecipeRouteOptions {
  readonly recipes: Recipes;
  readonly models: ModelRegistry;
  readonly store: Pick<ResultStore, 'list'>;
  readonly bodyStallMs: number;
}

const refusals = { '4xx': problems, '5xx': problems };
const tags = ['recipes'];
const params = z.object({ id: identifier });
const conditions = z.looseObject({
  'if-match': z.string().optional().describe('the ETag that was read: another revision in force is 412'),
  'if-none-match': z.string().optional().describe('"*": only where there is none yet'),
});
const MAX_RECIPE_BYTES = 64 * 1024;

const ratio = z.number().min(0).max(1);
const thresholds = z.object({ review: ratio, reject: ratio });

const calibrationBody = z.strictObject({
  falseCallRate: z.number().gt(0).max(0.5),
  after: z.string().max(256).optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  lineId: identifier.optional(),
  apply: z.boolean().default(false),
});

const proposal = z.object({
  recipe: z.string(),
  revision: z.int(),
  falseCallRate: z.number(),
  method: z.literal(METHOD),
  scanned: z.int(),
  nextCursor: z.string(),
  reachedEnd: z.boolean(),
  n: z.int(),
  needed: z.int(),
  thresholds: thresholds.nullable(),
  branches: z.array(z.object({ branch: z.string(), n: z.int(), thresholds: thresholds.nullable() })),
  proposed: recipeSchema,
  /** The revision that was made of it; null: it was only proposed. */
  applied: z.int().nullable(),
});

export function recipeRoutes(instance: FastifyInstance, options: RecipeRouteOptions): void {
  const { recipes, bodyStallMs } = options;
  const server = instance.withTypeProvider<ZodTypeProvider>();

  server.get(
    '/v1/recipes',
    {
      schema: {
        tags,
        summary: 'The recipes in force',
        response: { 200: z.object({ recipes: z.array(recipeRevision) }), ...refusals },
      },
    },
    async () => ({ recipes: [...recipes.list()] }),
  );

  server.get(
    '/v1/recipes/:id',
    {
      schema: {
        tags,
        summary: 'One recipe, as it is or as it was',
        params,
        querystring: z.strictObject({ revision: z.coerce.number().int().min(1).optional() }),
        response: { 200: recipeRevision, ...refusals },
      },
    },
    async ({ params: { id }, query: { revision } }, reply) => {
      const found = revision === undefined ? recipes.find(id) : await recipes.revision(id, revision);
      if (found === undefined) throw noRecipe(revision === undefined ? id : `${id}", revision "${revision}`);
      return tagged(reply, found);
    },
  );

  server.put(
    '/v1/recipes/:id',
    {
      schema: {
        tags,
        summary: 'Write a recipe: a new revision, unless it is the same',
        params,
        headers: conditions,
        response: { 200: recipeRevision, 201: recipeRevision, ...refusals },
      },
      config: { documentedBody: jsonBodyOf(recipeSchema) },
    },
    async (request, reply) => {
      const recipe = await readJsonBody(request, recipeSchema, { bodyStallMs, maxBytes: MAX_RECIPE_BYTES });
      const written = await recipes.put(request.params.id, recipe, preconditionOf(request));
      return tagged(reply.code(written.revision === 1 ? 201 : 200), written);
    },
  );

  server.delete(
    '/v1/recipes/:id',
    {
      schema: {
        tags,
        summary: 'Delete a recipe; its revisions stay readable',
        params,
        headers: conditions,
        response: { 204: z.null(), ...refusals },
      },
    },
    async (request, reply) => {
      await recipes.delete(request.params.id, preconditionOf(request));
      return reply.code(204).send(null);
    },
  );

  calibrationRoute(instance, options);
}

function calibrationRoute(instance: FastifyInstance, options: RecipeRouteOptions): void {
  const { recipes, models, store, bodyStallMs } = options;
  // The colon is doubled because one alone would begin a parameter.
  instance.withTypeProvider<ZodTypeProvider>().post(
    '/v1/recipes/:id(.+)::calibrate',
    {
      schema: {
        tags,
        summary: 'Propose thresholds from good parts, at a rate of false calls',
        params,
        response: { 200: proposal, ...refusals },
      },
      config: { documentedBody: jsonBodyOf(calibrationBody) },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { apply, ...asked } = await readJsonBody(request, calibrationBody, { bodyStallMs });
      const current = recipes.find(id);
      if (current === undefined) throw noRecipe(id);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const bundle = models.resolve(current.recipe.model);
      const { branches, ...found } = await propose(current, bundle, asked, store, gone.signal);
      const applied = apply
        ? await recipes.put(id, found.proposed, { ifMatch: [tagOf(current)] })
        : undefined;
      const standing = { recipe: id, revision: current.revision, applied: applied?.revision ?? null };
      return { ...standing, ...found, branches: [...branches] };
    },
  );
}

function tagged<T extends RecipeRevision>(reply: FastifyReply, revision: T): T {
  reply.header('etag', tagOf(revision));
  return revision;
}

/** If-Match and "If-None-Match: *" (RFC 9110, 13.1). */
function preconditionOf({ headers }: FastifyRequest): Precondition {
  const ifMatch = headers['if-match']?.split(',').map((tag) => tag.trim());
  return { ifMatch, ifNone: headers['if-none-match']?.trim() === '*' };
}
