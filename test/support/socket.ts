// A client that speaks HTTP byte by byte: for bodies no well-behaved one would send.
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
  readonly body: string;
}

/** Connects; `head` and the first bytes can then be written as they are. */
export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Reads until the server closes the connection. Ask it to, with "Connection: close". */
export function readAnswer(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.once('error', reject);
    socket.once('close', () => {
      const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s);
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head, body });
    });
  });
}

/** The head of a POST of a capture. */
export function postHead(headers: Readonly<Record<string, string | number>>, query = ''): string {
  const lines = Object.entries({ Host: 'line-1', Connection: 'close', ...headers });
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `POST /v1/inspections${query} HTTP/1.1\r\n${text}\r\n`;
}

/** A multipart body, without its last boundary where `cut` is set. */
export function multipartBody(
  boundary: string,
  parts: readonly (readonly [name: string, bytes: Uint8Array])[],
  cut = false,
): Buffer {
  const pieces = parts.flatMap(([name, bytes]) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${name}"\r\n\r\n`,
    ),
    Buffer.from(bytes),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(cut ? '' : `--${boundary}--\r\n`)]);
}
