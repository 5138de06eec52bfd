// A capture of several files as one request.
import type { PreparedRequest } from './protocol.js';

/** One multipart body, made once: what a line controller's HTTP library would send. */
export async function multipart(parts: readonly (readonly [string, Uint8Array])[]): Promise<PreparedRequest> {
  const form = new FormData();
  for (const [name, bytes] of parts) form.append(name, new Blob([new Uint8Array(bytes)]), name);
  const encoded = new Response(form);
  return {
    method: 'POST',
    path: '/v1/inspections',
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
    body: new Uint8Array(await encoded.arrayBuffer()),
  };
}
