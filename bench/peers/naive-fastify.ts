// The naive way to serve a graph from Node: decode and run inside the request's handler, in the main thread.
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';

const executionProviders = [process.env.PEER_PROVIDER ?? 'cpu'];
const session = await InferenceSession.create(process.env.PEER_GRAPH ?? '', { executionProviders });
const input = session.inputNames[0] ?? '';

const server = Fastify({ bodyLimit: 32 * 1024 * 1024 });
server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
server.post('/inference', async ({ body }) => {
  const { data, info } = await sharp(body as Buffer)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const tensor = new Tensor('uint8', new Uint8Array(data), [1, info.height, info.width, info.channels]);
  const { score } = await session.run({ [input]: tensor }, ['score']);
  return { score: Number(score?.data[0]) };
});
server.get('/health', async () => ({ live: true }));

await server.listen({ host: '127.0.0.1', port: Number(process.env.PEER_PORT) });
