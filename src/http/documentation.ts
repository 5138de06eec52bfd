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
