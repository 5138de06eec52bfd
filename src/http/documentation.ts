// GET /openapi.json and /docs: the API described from the same schemas that check it.
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** JSON schemas by content type, for a body the route reads itself. */
    readonly documentedBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  }
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
    },
    transform: (input) => {
      const described = fromZod(input);
      const body = input.route.config?.documentedBody;
      return body === undefined
        ? described
        : { ...described, schema: { ...described.schema, body } as FastifySchema };
    },
  });
  // No validator: the page must not send the document to a server on the internet.
  await server.register(swaggerUi, { routePrefix: '/docs', uiConfig: { validatorUrl: null } });
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger());
  server.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'));
}
