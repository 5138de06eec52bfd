// GET /openapi.json and /docs: the API described from the same schemas that check it.
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import type { Rule } from './access-table.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** JSON schemas by content type, for a body the route reads itself. */
    readonly documentedBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  }
}

/** What a key needs here; `x-scopes`: any one of them. */
function accessOf({ scopes }: Rule): object {
  if (scopes.length === 0) return { security: [] };
  return { security: [{ bearer: [] }, { apiKey: [] }], 'x-scopes': scopes };
}

/**
 * In words that generators of clients know too: `\P{Cc}` needs a flag where it is known at all, four numbers are an
 * array of four rather than a tuple, and what JavaScript can count to is no limit of ours (pages show it as example).
 */
function portable<T>(document: T): T {
  const noControl = String.raw`[^\\x00-\\x1f\\x7f-\\x9f]`;
  const text = JSON.stringify(document).replaceAll(String.raw`\\P{Cc}`, () => noControl);
  return JSON.parse(text, (key, node) => {
    if (key === 'minimum' && node === Number.MIN_SAFE_INTEGER) return undefined;
    if (key === 'maximum' && node === Number.MAX_SAFE_INTEGER) return undefined;
    return Array.isArray(node?.prefixItems) ? asArray(node) : node;
  }) as T;
}

function asArray({ prefixItems, ...rest }: { prefixItems: readonly object[] }): object {
  const [item, ...others] = prefixItems.map((one) => JSON.stringify(one));
  if (item === undefined || others.some((other) => other !== item)) return { prefixItems, ...rest };
  return { ...rest, items: prefixItems[0], minItems: prefixItems.length, maxItems: prefixItems.length };
}

const DESCRIPTION =
  'Judges a part by whatever sensors happen to work: send the modalities you have, get a verdict, ' +
  'a score and a heat map from the branch trained for exactly these.';

export async function documentApi(server: FastifyInstance): Promise<void> {
  const fromZod = createJsonSchemaTransform({ zodToJsonConfig: { target: 'draft-2020-12' } });
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Branchline', description: DESCRIPTION, version: '1' },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        },
      },
    },
    transformObject: (document) =>
      'openapiObject' in document ? portable(document.openapiObject) : document.swaggerObject,
    transform: (input) => {
      const described = fromZod(input);
      const { documentedBody: body, rule } = input.route.config ?? {};
      const schema = { ...described.schema, ...(body && { body }), ...(rule && accessOf(rule)) };
      return { ...described, schema: schema as FastifySchema };
    },
  });
  // No validator: the page must not send the document to a server on the internet.
  await server.register(swaggerUi, { routePrefix: '/docs', uiConfig: { validatorUrl: null } });
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger());
  server.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'));
}
