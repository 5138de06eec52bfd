// Signs what a webhook carries, by the Standard Webhooks scheme, which libraries in most languages can verify.
import { createHmac } from 'node:crypto';

/** Before a key in base64; any other secret is its own key, as UTF-8. */
const BASE64_SECRET = 'whsec_';

/** "webhook-signature": HMAC-SHA256 over `id.timestamp.body`, base64, after its version. */
export function signature(secret: string, id: string, timestampSeconds: number, body: string): string {
  const hmac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestampSeconds}.${body}`);
  return `v1,${hmac.digest('base64')}`;
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(BASE64_SECRET)
    ? Buffer.from(secret.slice(BASE64_SECRET.length), 'base64')
    : Buffer.from(secret, 'utf8');
}
