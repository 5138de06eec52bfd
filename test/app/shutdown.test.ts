// The end of the service as a process: whoever reached it is answered, and it ends by itself with code 0.

import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/http/problem.js';
import { freePort, type ServiceProcess, spawnService, untilReady } from '../support/process.js';
import { multipartBody, openSocket, postHead, readAnswer } from '../support/socket.js';
import { goldenCapture } from '../support/tiny-bundle.js';

const CLIENTS = 32;

let folder: string;
let service: ServiceProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-shutdown-'));
});
afterEach(async () => {
  service?.child.kill('SIGKILL');
  await service?.exited;
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}) {
  const port = await freePort();
  // The captures that stop half-way here are ended by the service's end alone.
  const ample = { BODY_STALL_MS: '60000' };
  const started = spawnService({ STORE_PATH: join(folder, 'store'), PORT: String(port), ...ample, ...env });
  service = started;
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, started);
  return { service: started, url, port };
}

interface ClientAnswer {
  readonly status: number;
  readonly connection: string | undefined;
  readonly code: string | undefined;
}

const body = async () => multipartBody('b', Object.entries((await goldenCapture(0)).parts));
const type = 'multipart/form-data; boundary=b';

/** Posts the capture, or where there is none asks for the models. Throws where the connection ends unanswered. */
function ask(port: number, agent: Agent, capture?: Buffer): Promise<ClientAnswer> {
  return new Promise((resolve, reject) => {
    const how =
      capture === undefined
        ? { path: '/v1/models' }
        : {
            path: '/v1/inspections',
            method: 'POST',
            headers: { 'content-type': type, 'content-length': capture.length },
          };
    const receive = (answer: IncomingMessage) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.once('error', reject);
      answer.once('end', () => {
        const { code } = JSON.parse(text) as Partial<Problem>;
        resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection, code });
      });
    };
    request({ host: '127.0.0.1', port, agent, ...how }, receive)
      .once('error', reject)
      .end(capture);
  });
}

/** Resolves when `holds` says so of the readiness report. */
async function untilReadiness(
  url: string,
  holds: (status: number, report: string) => boolean,
): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/health/ready`);
    if (holds(answer.status, await answer.text())) return;
  }
}

/** Has sent the head and the first bytes of a capture; the service waits for the rest. */
async function halfSent(port: number) {
  const capture = await body();
  const socket = await openSocket(port);
  const answer = readAnswer(socket);
  socket.write(postHead({ 'Content-Type': type, 'Content-Length': capture.length }));
  socket.write(capture.subarray(0, 500));
  return { answer, sendRest: () => socket.write(capture.subarray(500)) };
}

/** The half-sent capture has reached the service. */
async function untilInFlight(url: string): Promise<void> {
  for (;;) {
    const page = await (await fetch(`${url}/metrics`)).text();
    if (page.includes('branchline_inspections_in_flight 1')) return;
  }
}

describe('SIGTERM', () => {
  it('answers every request of 32 busy clients on connections that are kept alive', async () => {
    const { service, port } = await start();
    const capture = await body();
    const answers: ClientAnswer[] = [];
    let reached = () => {};
    const busy = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      // Most of them quick ones: between two of their requests a connection looks idle.
      const sent = client % 4 === 0 ? capture : undefined;
      for (let last = false; !last; ) {
        const answer = await ask(port, agent, sent);
        answers.push(answer);
        if (answers.length === 20 * CLIENTS) reached();
        last = answer.connection === 'close';
      }
      agent.destroy();
    });
    await busy;
    service.child.kill('SIGTERM');
    await Promise.all(clients);
    const unexpected = answers.filter(({ status, code }) => status !== 200 && code !== 'SHUTTING_DOWN');
    expect(unexpected).toEqual([]);
    expect(answers.filter(({ connection }) => connection === 'close')).toHaveLength(CLIENTS);
    expect(await service.exited).toMatchObject({ code: 0, stderr: '' });
  });

  it('is not ready at once, and takes captures until the pause is over; a second one ends the pause', async () => {
    const { service, url, port } = await start({ SHUTDOWN_DELAY_MS: '600000' });
    const agent = new Agent({ keepAlive: true });
    service.child.kill('SIGTERM');
    await untilReadiness(url, (status, report) => status === 503 && report.includes('draining'));
    expect(await ask(port, agent, await body())).toMatchObject({ status: 200, connection: 'close' });
    const late = await halfSent(port);
    await untilInFlight(url);
    service.child.kill('SIGTERM');
    expect(await service.exited).toMatchObject({ code: 0, stderr: '' });
    expect(await late.answer).toMatchObject({ status: 503 });
    agent.destroy();
  });

  it('refuses new captures with "Connection: close" while one under way is waited for', async () => {
    const { service, url, port } = await start();
    const underWay = await halfSent(port);
    await untilInFlight(url);
    // Open before the end, so that its requests still arrive.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    service.child.kill('SIGTERM');
    await untilReadiness(url, (status) => status === 503);
    expect(await ask(port, agent, await body())).toEqual({
      status: 503,
      connection: 'close',
      code: 'SHUTTING_DOWN',
    });
    underWay.sendRest();
    expect((await underWay.answer).status).toBe(200);
    expect(await service.exited).toMatchObject({ code: 0, stderr: '' });
    agent.destroy();
  });

  it('refuses, at the end of the grace, a capture that never comes to its end', async () => {
    const { service, url, port } = await start({ SHUTDOWN_GRACE_MS: '6000' });
    const endless = await halfSent(port);
    await untilInFlight(url);
    service.child.kill('SIGTERM');
    const { status, body: problem } = await endless.answer;
    expect([status, (JSON.parse(problem) as Problem).code]).toEqual([503, 'SHUTTING_DOWN']);
    expect(await service.exited).toMatchObject({ code: 0, stderr: '' });
  });
});
