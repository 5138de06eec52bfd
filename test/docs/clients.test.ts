// Runs the examples of docs/clients.md as they stand there, against the service they name.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startReceiver } from '../support/receiver.js';
import { rootDir } from '../support/root-dir.js';
import { type RunningService, startService } from '../support/service.js';

const page = readFileSync(`${rootDir}docs/clients.md`, 'utf8');
/** Code blocks of a language, and the `text` block that follows at once: what it prints. */
const blocksOf = (language: string) =>
  [
    ...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`\n(?:\`\`\`text\n(.*?)^\`\`\`)?`, 'gms')),
  ].map(([, code = '', printed = '']) => ({ code, printed: printed.trim() }));

interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly z?: string;
  readonly func?: string;
  readonly wires?: readonly (readonly string[])[];
}
interface Message {
  [name: string]: unknown;
}

let service: RunningService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const here = (code: string, url = service.url) => code.replaceAll('http://127.0.0.1:8080', url);

/** Beside this process, whose event loop serves the example. */
async function run(program: string, code: string, url?: string) {
  const child = spawn(program, ['-'], { cwd: rootDir, stdio: ['pipe', 'pipe', 'pipe'], timeout: 20_000 });
  child.stdin.end(here(code, url));
  const [printed, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { printed: printed.trim(), complaints };
}

describe('docs/clients.md', () => {
  it.each(blocksOf('sh'))('runs in the shell: %#', async ({ code, printed }) => {
    expect(printed).not.toBe('');
    expect(await run('bash', code)).toEqual({ printed, complaints: '' });
  });

  it.each(blocksOf('python'))('runs in Python: %#', async ({ code, printed }) => {
    expect(printed).not.toBe('');
    expect(await run('python3', code)).toEqual({ printed, complaints: '' });
  });

  it('has a Python client that waits at 503, sends the same again, and gives up at 4xx', async () => {
    const [example] = blocksOf('python');
    const definitions = example?.code.split('\nanswer = ')[0] ?? '';
    const refused = `${definitions}\ntry:\n    inspect("x", "sonar", b"x", "image/png")\nexcept RuntimeError as e:\n    print(e)`;
    expect((await run('python3', refused)).printed).toMatch(
      /^UNKNOWN_MODALITY: The model knows no modality "sonar"/,
    );
    const overloaded = await startReceiver((response, count) =>
      count === 3
        ? response.writeHead(200).end('{"verdict":"NG"}')
        : response.writeHead(503, { 'retry-after': '0.1' }).end('{"code":"OVERLOADED","detail":"full"}'),
    );
    const url = `http://127.0.0.1:${overloaded.port}`;
    const ask = (patience: number) =>
      `${definitions}\nprint(inspect("y", "rgb", b"x", "image/png", patience_s=${patience}))`;
    expect((await run('python3', ask(8), url)).printed).toBe("{'verdict': 'NG'}");
    const requests = overloaded.received.map(({ path, body }) => ({ path, body }));
    expect(requests).toEqual(Array.from({ length: 3 }, () => requests[0]));
    expect(decodeURIComponent(requests[0]?.path ?? '')).toContain('"captureId":+"y"');
    expect((await run('python3', ask(0.5), url)).printed).toBe('None');
    await overloaded.close();
  });

  it('has requests code that Python takes', () => {
    const [example] = blocksOf('python requests');
    const { stderr, status } = spawnSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], {
      input: example?.code ?? 'nothing there',
      encoding: 'utf8',
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });

  it.each(blocksOf('http'))('is what a PLC sends, byte by byte', async ({ code, printed }) => {
    const [head = ''] = code.split('\n\n');
    const socket = connect(service.port, '127.0.0.1');
    socket.write(`${head.replaceAll('\n', '\r\n')}\r\nConnection: close\r\n\r\n`);
    socket.write(readFileSync(`${rootDir}docs/examples/rgb.png`));
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer.split('\r\n\r\n')[1]).toBe(printed);
  });

  it('says how often each kind of example stands there', () => {
    const counts = ['sh', 'python', 'python requests', 'http', 'csharp', 'json node-red'].map(
      (language) => blocksOf(language).length,
    );
    expect(counts).toEqual([2, 1, 1, 1, 1, 1]);
  });
});

describe('the Node-RED flow', () => {
  const flow = JSON.parse(blocksOf('json node-red')[0]?.code ?? '[]') as FlowNode[];
  const ids = new Set(flow.map(({ id }) => id));
  const call = (id: string, msg: Message) =>
    new Function('msg', here(flow.find((node) => node.id === id)?.func ?? ''))(msg);

  it('has no wire that ends nowhere, no node without its tab, no id twice', () => {
    expect(ids.size).toBe(flow.length);
    const loose = flow
      .flatMap(({ wires = [], z = 'bl-tab' }) => [...wires.flat(), z])
      .filter((id) => !ids.has(id));
    expect(loose).toEqual([]);
  });

  it('asks, and acts on the line', async () => {
    const picture = readFileSync(`${rootDir}docs/examples/rgb.png`);
    const asked = call('bl-ask', { payload: picture, _msgid: '1' });
    const response = await fetch(asked.url, {
      method: asked.method,
      headers: asked.headers,
      body: asked.payload,
    });
    const [acted, again] = call('bl-act', {
      ...asked,
      payload: await response.text(),
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
    });
    expect(again).toBeNull();
    expect(acted.payload).toEqual({ verdict: 'OK', toPerson: false, line: 'OK 0.49' });
  });

  it('waits as Retry-After says and sends the same capture again, three times at most', () => {
    const refused = { payload: 'ERROR OVERLOADED full', picture: 'bytes', statusCode: 503, captureId: 'c' };
    const headers = { 'retry-after': '2' };
    const [none, again] = call('bl-act', { ...refused, headers });
    expect(none).toBeNull();
    expect(again).toMatchObject({ delay: 2000, payload: 'bytes', captureId: 'c' });
    const [given] = call('bl-act', { ...refused, headers, tries: 3 });
    expect(given.payload).toMatchObject({ verdict: 'NOT_DECIDABLE', toPerson: true });
    const { url } = call('bl-ask', { captureId: 'c', _msgid: '2' });
    expect(decodeURIComponent(url)).toContain('{"captureId":"c",');
  });
});
