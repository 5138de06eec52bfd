// The connections of the load generator, against servers that answer early, late, in part or not at all.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Connection, NO_ANSWER } from '../../bench/load/connection.js';
import { CLOSED, NO_HTTP } from '../../bench/load/kept-socket.js';
import type { PreparedRequest } from '../../bench/load/protocol.js';

const PATIENCE_MS = 20_000;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';
const BYE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}';
const OVERLOADED = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 21\r\n\r\n{"code":"OVERLOADED"}';

const request: PreparedRequest = {
  method: 'POST',
  path: '/x?y=1',
  headers: { 'content-type': 'image/png' },
  body: Buffer.from('body'),
};

let server: Server | undefined;
let connection: Connection | undefined;
const sockets: Socket[] = [];

afterEach(() => {
  connection?.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  server = undefined;
});

/** `onBytes`: for every piece that comes, with how many came before on all connections. */
async function connect(
  onBytes: (socket: Socket, nth: number, bytes: string) => void,
  connections: number | null = 1,
): Promise<Connection> {
  let nth = 0;
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => onBytes(socket, nth++, bytes.toString('latin1')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  connection = new Connection(`http://127.0.0.1:${address.port}`, connections);
  return connection;
}

describe('a connection', () => {
  it('sends head and body, as HTTP/1.1 wants them', async () => {
    let seen = '';
    const { send } = bound(
      await connect((socket, _, bytes) => {
        seen = bytes;
        socket.write(OK);
      }),
    );
    expect(await send()).toBeUndefined();
    expect(seen.replace(/127\.0\.0\.1:\d+/, 'HOST')).toBe(
      'POST /x?y=1 HTTP/1.1\r\nHost: HOST\r\nConnection: keep-alive\r\ncontent-type: image/png\r\n' +
        'Content-Length: 4\r\n\r\nbody',
    );
  });

  it('tells answers, refusals and broken servers apart', async () => {
    const answers = [OK, OVERLOADED, 'HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nslow'];
    const { send } = bound(
      await connect((socket, nth) => {
        if (nth < 3) socket.write(answers[nth] ?? '');
        else if (nth === 3) socket.write('SSH-2.0-OpenSSH_9.2\r\n\r\n');
        else socket.destroy();
      }),
    );
    const outcomes = [];
    for (let i = 0; i < 5; i++) outcomes.push(await send());
    expect(outcomes).toEqual([undefined, '503 OVERLOADED', '429', NO_HTTP, CLOSED]);
    expect(sockets.length).toBe(2);
    server?.close();
    expect(await send()).toBe('ECONNREFUSED');
  });

  it('is kept, and of as many sockets as may be or are needed', async () => {
    const held: Socket[] = [];
    const { send } = bound(
      await connect((socket) => {
        held.push(socket);
        if (held.length === 3) for (const one of held.splice(0)) one.write(OK);
      }, null),
    );
    for (let i = 0; i < 2; i++)
      expect(await Promise.all([send(), send(), send()])).toEqual([undefined, undefined, undefined]);
    expect(sockets.length).toBe(3);
  });

  it('asks one thing at a time, and lets the others wait', async () => {
    const { send } = bound(await connect((socket) => socket.write(OK)));
    expect(await Promise.all([send(), send(), send()])).toEqual([undefined, undefined, undefined]);
    expect(sockets.length).toBe(1);
  });

  it('opens another where the server says that it closes', async () => {
    const { send } = bound(await connect((socket) => socket.write(BYE)));
    expect([await send(), await send()]).toEqual([undefined, undefined]);
    expect(sockets.length).toBe(2);
  });

  it('forgets an idle one that the server has closed', async () => {
    const { send } = bound(await connect((socket) => socket.end(OK)));
    expect(await send()).toBeUndefined();
    const [first] = sockets;
    if (first?.closed === false) await once(first, 'close');
    expect(await send()).toBeUndefined();
    expect(sockets.length).toBe(2);
  });

  it('asks once more where the server closed an idle one without a word', async () => {
    const { send } = bound(
      await connect((socket, nth) => {
        if (nth === 1) socket.destroy();
        else socket.write(OK);
      }),
    );
    expect([await send(), await send()]).toEqual([undefined, undefined]);
    expect(sockets.length).toBe(2);
  });

  it.each([
    ['a second time', (socket: Socket, nth: number) => (nth === 0 ? socket.write(OK) : socket.destroy()), 2],
    [
      'where an answer had begun',
      (socket: Socket, nth: number) => socket.end(nth === 0 ? OK.slice(0, 9) : OK),
      1,
    ],
  ])('does not ask once more %s', async (_, onBytes, opened) => {
    const { send } = bound(await connect(onBytes));
    const outcomes = opened === 2 ? [await send(), await send()] : [await send()];
    expect(outcomes.at(-1)).toBe(CLOSED);
    expect(sockets.length).toBe(opened);
  });

  it('takes an answer that ends with the connection', async () => {
    const { send } = bound(await connect((socket) => socket.end('HTTP/1.1 500 Oh\r\n\r\n{"code":"BROKEN"}')));
    expect(await send()).toBe('500 BROKEN');
  });

  it('takes a refusal before its body was sent, and sends no more of it', async () => {
    const large = { ...request, body: Buffer.alloc(64 * 1024 * 1024) };
    const { send } = bound(
      await connect((socket, nth) => {
        if (nth === 0) socket.pause();
        socket.write(nth === 0 ? OVERLOADED : OK);
      }),
    );
    expect(await send(large)).toBe('503 OVERLOADED');
    expect(await send()).toBeUndefined();
    expect(sockets.length).toBe(2);
  });

  it('hangs up when its patience is over, and the server sees it', async () => {
    const silent = await connect(() => {}, null);
    const outcome = silent.send(request, 200);
    const [socket] = (await once(server as Server, 'connection')) as [Socket];
    const gone = once(socket, 'close');
    expect(await outcome).toBe(NO_ANSWER);
    await gone;
  });

  it('gives up a request that never got a connection', async () => {
    const slow = await connect((socket, nth) => {
      if (nth === 1) socket.write(OK);
    });
    const outcomes = await Promise.all([slow.send(request, 80), slow.send(request, 60)]);
    expect(outcomes).toEqual([NO_ANSWER, NO_ANSWER]);
    // The server has seen one of them, and this is the second that it sees.
    expect(await slow.send(request, PATIENCE_MS)).toBeUndefined();
  });

  it('loses what is under way or waits when it is closed', async () => {
    const silent = await connect(() => silent.close());
    const outcomes = await Promise.all([1, 2].map(() => silent.send(request, PATIENCE_MS)));
    expect(outcomes).toEqual([CLOSED, CLOSED]);
  });
});

function bound(of: Connection) {
  return { send: (what: PreparedRequest = request) => of.send(what, PATIENCE_MS) };
}
