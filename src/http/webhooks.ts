// Webhooks: subscribe, look, end; what could not be delivered, and sending it again.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import { inspectionSchema, verdict } from '../inspection.js';
import { EVENT_TYPES } from '../push/event.js';
import { assertPosition } from '../push/follow.js';
import { type DeadLetter, type PushStore, readerOf, type Webhook, webhookId } from '../push/push-store.js';
import type { Targets } from '../push/target.js';
import type { ResultStore } from '../store/store.js';
import { jsonBodyOf, readJsonBody } from './json-body.js';
import { problems } from './problem.js';

export interface WebhookRouteOptions {
  readonly store: Pick<ResultStore, 'list' | 'end'>;
  readonly webhooks: {
    readonly store: PushStore;
    readonly targets: Targets;
    /** A subscription was changed. */
    readonly changed: () => void;
  };
  readonly bodyStallMs: number;
}

/** Each has a loop and a connection of its own. */
const MAX_WEBHOOKS = 100;
const MAX_PAGE = 500;

const tags = ['push'];
const params = z.object({ id: webhookId });

const target = z
  .url({ protocol: /^https?$/, message: 'must be an http:// or https:// URL' })
  .max(2048)
  .refine((text) => URL.canParse(text) && new URL(text).username + new URL(text).password === '', {
    message: 'must carry no name and password: the signature says who sends',
  });

const subscription = z.strictObject({
  url: target,
  secret: z
    .string()
    .min(16, 'must be at least 16 characters')
    .max(256)
    .refine((text) => !text.startsWith('whsec_') || /^whsec_[A-Za-z0-9+/]{20,}={0,2}$/.test(text), {
      message: 'must be base64 after "whsec_"',
    })
    .describe('the key of the signature; never given back'),
  lineId: z.string().min(1).max(128).optional(),
  verdicts: z.array(verdict).min(1).max(4).optional().describe('absent: all'),
  after: z
    .string()
    .max(512)
    .optional()
    .describe('for a new one: a cursor to begin behind; "0": the first record; absent: from now on'),
});

const shownWebhook = z.object({
  id: z.string(),
  url: z.string(),
  lineId: z.string().nullable(),
  verdicts: z.array(verdict).nullable(),
  state: z.enum(['ACTIVE', 'ENDED']),
  /** Why it ended. */
  endedReason: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  /** When something was last taken. */
  deliveredAt: z.string().nullable(),
  /** The event that is being tried again; null where nothing failed. */
  trying: z
    .object({
      eventId: z.string(),
      attempts: z.int(),
      since: z.string(),
      next: z.string(),
      fault: z.string(),
    })
    .nullable(),
  /** Why nothing is sent, though it is active: the allow-list was changed. */
  blocked: z.string().nullable(),
  deadLetters: z.int(),
});

const shownLetter = z.object({
  id: z.string(),
  type: z.enum(EVENT_TYPES),
  attempts: z.int(),
  buriedAt: z.string(),
  fault: z.string(),
  /** It waits to be sent again. */
  replay: z.boolean(),
  inspection: inspectionSchema,
});

const replayOrder = z.strictObject({
  ids: z.array(z.string().max(256)).min(1).max(1000).optional().describe('absent: all'),
});

export function webhookRoutes(instance: FastifyInstance, options: WebhookRouteOptions): void {
  const { store: feed, bodyStallMs } = options;
  const { store, targets, changed } = options.webhooks;
  const server = instance.withTypeProvider<ZodTypeProvider>();

  const known = async (id: string): Promise<Webhook> => {
    const webhook = await store.webhook(id);
    if (webhook !== undefined) return webhook;
    throw new ServiceError('NOT_FOUND', { detail: `There is no webhook "${id}".`, part: 'id' });
  };

  server.put(
    '/v1/webhooks/:id',
    {
      schema: {
        tags,
        summary: 'Subscribe a receiver, or change its subscription',
        params,
        response: { 200: shownWebhook, 201: shownWebhook, '4xx': problems, '5xx': problems },
      },
      config: { documentedBody: jsonBodyOf(subscription) },
    },
    async (request, reply) => {
      const { id } = request.params;
      const asked = await readJsonBody(request, subscription, { bodyStallMs });
      await targets.assertAllowed(new URL(asked.url));
      const before = await store.webhook(id);
      if (before === undefined && (await store.webhooks()).length >= MAX_WEBHOOKS)
        throw new ServiceError('TOO_MANY_WEBHOOKS', {
          detail: `There are ${MAX_WEBHOOKS} webhooks, which is all there may be: delete one first.`,
        });
      if (asked.after !== undefined) await assertPosition(feed, asked.after);
      const position = asked.after ?? (await feed.end());
      const webhook = webhookOf(id, asked, before, new Date().toISOString());
      await store.putWebhook(webhook, { position, trial: null, deliveredAt: null });
      changed();
      return reply.code(before === undefined ? 201 : 200).send(await show(webhook, store, targets));
    },
  );

  server.get(
    '/v1/webhooks',
    {
      schema: {
        tags,
        summary: 'Every subscription',
        response: { 200: z.object({ webhooks: z.array(shownWebhook) }), '4xx': problems, '5xx': problems },
      },
    },
    async () => ({
      webhooks: await Promise.all((await store.webhooks()).map((webhook) => show(webhook, store, targets))),
    }),
  );

  server.get(
    '/v1/webhooks/:id',
    {
      schema: {
        tags,
        summary: 'One subscription, and how far it is',
        params,
        response: { 200: shownWebhook, '4xx': problems, '5xx': problems },
      },
    },
    async (request) => show(await known(request.params.id), store, targets),
  );

  server.delete(
    '/v1/webhooks/:id',
    {
      schema: {
        tags,
        summary: 'End a subscription; its place in the feed and its dead letters are gone',
        params,
        response: { 204: z.undefined(), '4xx': problems, '5xx': problems },
      },
    },
    async (request, reply) => {
      await known(request.params.id);
      await store.removeWebhook(request.params.id);
      changed();
      return reply.code(204).send();
    },
  );

  deadLetterRoutes(instance, options, known);
}

function deadLetterRoutes(
  instance: FastifyInstance,
  { webhooks: { store, changed }, bodyStallMs }: WebhookRouteOptions,
  known: (id: string) => Promise<Webhook>,
): void {
  const server = instance.withTypeProvider<ZodTypeProvider>();
  const path = '/v1/webhooks/:id/dead-letters';

  server.get(
    path,
    {
      schema: {
        tags,
        summary: 'What could not be delivered, the oldest first',
        params,
        querystring: z.strictObject({ limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100) }),
        response: {
          200: z.object({ total: z.int(), items: z.array(shownLetter) }),
          '4xx': problems,
          '5xx': problems,
        },
      },
    },
    async (request) => {
      const { id } = await known(request.params.id);
      const letters = await store.deadLetters(id);
      return { total: letters.length, items: letters.slice(0, request.query.limit).map(showLetter) };
    },
  );

  server.post(
    // Two colons are one that stands for itself.
    `${path}::replay`,
    {
      schema: {
        tags,
        summary: 'Send dead letters once more',
        params,
        response: { 202: z.object({ replayed: z.int() }), '4xx': problems, '5xx': problems },
      },
      config: { documentedBody: jsonBodyOf(replayOrder) },
    },
    async (request, reply) => {
      // Without a body: all.
      const { ids } =
        request.body === undefined ? {} : await readJsonBody(request, replayOrder, { bodyStallMs });
      const webhook = await known(request.params.id);
      if (webhook.state === 'ENDED')
        throw new ServiceError('WEBHOOK_ENDED', {
          detail: `Webhook "${webhook.id}" has ended (${webhook.endedReason}): PUT it again, then replay.`,
        });
      const letters = await store.deadLetters(webhook.id);
      const missing = ids?.find((id) => !letters.some(({ event }) => event.id === id));
      if (missing !== undefined)
        throw new ServiceError('NOT_FOUND', {
          detail: `There is no dead letter "${missing}" of webhook "${webhook.id}".`,
          part: 'ids',
        });
      const chosen = letters.filter(({ event }) => ids === undefined || ids.includes(event.id));
      for (const letter of chosen) await store.changeDeadLetter(webhook.id, { ...letter, replay: true });
      // Another version: the courier begins anew, with these first.
      await store.changeWebhook({ ...webhook, version: randomUUID() }, webhook.version);
      changed();
      return reply.code(202).send({ replayed: chosen.length });
    },
  );

  server.delete(
    path,
    {
      schema: {
        tags,
        summary: 'Give up what could not be delivered',
        params,
        response: { 204: z.undefined(), '4xx': problems, '5xx': problems },
      },
    },
    async (request, reply) => {
      const { id } = await known(request.params.id);
      const letters = await store.deadLetters(id);
      await store.removeDeadLetters(
        id,
        letters.map(({ event }) => event.id),
      );
      return reply.code(204).send();
    },
  );
}

function webhookOf(
  id: string,
  { url, secret, lineId, verdicts }: z.infer<typeof subscription>,
  before: Webhook | undefined,
  now: string,
): Webhook {
  return {
    id,
    version: randomUUID(),
    url: new URL(url).href,
    secret,
    lineId: lineId ?? null,
    verdicts: verdicts ?? null,
    state: 'ACTIVE',
    endedReason: null,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  };
}

async function show(
  { secret: _, version: __, ...webhook }: Webhook,
  store: PushStore,
  targets: Targets,
): Promise<z.infer<typeof shownWebhook>> {
  const [progress, deadLetters] = await Promise.all([
    store.progress(readerOf(webhook.id)),
    store.countDeadLetters(webhook.id),
  ]);
  const trial = progress?.trial ?? null;
  return {
    ...webhook,
    deliveredAt: progress?.deliveredAt ?? null,
    trying: trial && {
      eventId: trial.eventId,
      attempts: trial.attempts,
      since: new Date(trial.firstMs).toISOString(),
      next: new Date(trial.nextMs).toISOString(),
      fault: trial.fault,
    },
    blocked: targets.faultOf(new URL(webhook.url)) ?? null,
    deadLetters,
  };
}

function showLetter({ event, ...rest }: DeadLetter): z.infer<typeof shownLetter> {
  return { ...event, ...rest };
}
