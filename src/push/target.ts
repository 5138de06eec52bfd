// Where a webhook may go: to hosts of the allow-list, and to no address inside unless that is allowed too.
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { buildConnector } from 'undici';
import { ServiceError } from '../errors.js';

/** What `node:dns` does; a test resolves by itself. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface TargetOptions {
  /** Hosts ("mes.example"), hosts with port ("mes.example:8443") or origins ("https://mes.example"). */
  readonly allow: readonly string[];
  readonly allowPrivate: boolean;
  readonly resolve?: Resolve;
}

// What is not globally reachable: IANA's special-purpose address registries (RFC 6890), and multicast.
const PRIVATE_V4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, and where clouds answer with credentials
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const;
/** All but 2000::/3, and what carries an IPv4 address inside. */
const PRIVATE_V6 = [
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;

// Two lists: one would hold an IPv4 address against the rules for IPv6 too, as ::ffff:8.8.8.8.
const privateV4 = new BlockList();
for (const [network, bits] of PRIVATE_V4) privateV4.addSubnet(network, bits, 'ipv4');
const privateV6 = new BlockList();
for (const [network, bits] of PRIVATE_V6) privateV6.addSubnet(network, bits, 'ipv6');

export function isPrivate(address: string): boolean {
  // A link-local address may name its interface: fe80::1%eth0.
  const [plain = address] = address.split('%');
  return isIP(plain) === 4 ? privateV4.check(plain, 'ipv4') : privateV6.check(plain, 'ipv6');
}

export class Targets {
  readonly #allow: readonly string[];
  readonly #allowPrivate: boolean;
  readonly #resolve: Resolve;

  constructor({ allow, allowPrivate, resolve = lookup }: TargetOptions) {
    this.#allow = allow.map((entry) => entry.toLowerCase());
    this.#allowPrivate = allowPrivate;
    this.#resolve = resolve;
  }

  /** Without an allow-list nothing may be sent anywhere. */
  get off(): boolean {
    return this.#allow.length === 0;
  }

  /** Why the allow-list refuses it; undefined where it does not. */
  faultOf(url: URL): string | undefined {
    const listed = this.#allow.some((entry) =>
      entry.includes('://') ? originOf(entry) === url.origin : [url.host, url.hostname].includes(entry),
    );
    if (listed) return undefined;
    return `${url.origin} is not in WEBHOOK_ALLOW, which lists ${this.#allow.join(', ') || 'nothing'}`;
  }

  /**
   * As far as it can be told beforehand; what counts is the address at the connection.
   * Throws ServiceError WEBHOOKS_OFF, WEBHOOK_TARGET_REFUSED.
   */
  async assertAllowed(url: URL): Promise<void> {
    if (this.off)
      throw new ServiceError('WEBHOOKS_OFF', {
        detail: 'Webhooks are switched off: set WEBHOOK_ALLOW to the hosts they may go to.',
      });
    const fault = this.faultOf(url) ?? (await this.#addressFault(bare(url.hostname)));
    if (fault !== undefined)
      throw new ServiceError('WEBHOOK_TARGET_REFUSED', { detail: `${fault}.`, part: 'url' });
  }

  /** Checks the very address it connects to, so that a name that resolves to another one later gains nothing. */
  connector(timeoutMs: number): buildConnector.connector {
    const connect = buildConnector({ timeout: timeoutMs, lookup: this.#lookup as never });
    return (options, callback) => {
      const host = bare(options.hostname);
      // An address is never looked up.
      const fault = isIP(host) === 0 ? undefined : this.#faultOfAddress(host, host);
      if (fault === undefined) connect(options, callback);
      else callback(new Error(fault), null);
    };
  }

  readonly #lookup = (
    hostname: string,
    options: LookupOptions,
    callback: (error: Error | null, addresses?: LookupAddress[] | string, family?: number) => void,
  ): void => {
    this.#resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error);
      const [first] = addresses;
      const fault =
        first === undefined ? `${hostname} has no address` : this.#faultOfAll(hostname, addresses);
      if (fault !== undefined) callback(new Error(fault));
      else if (options.all) callback(null, addresses);
      else callback(null, first?.address, first?.family);
    });
  };

  /** A name that does not resolve now may do so later: that is no refusal. */
  #addressFault(host: string): Promise<string | undefined> {
    if (isIP(host) !== 0) return Promise.resolve(this.#faultOfAddress(host, host));
    return new Promise((resolve) => {
      this.#resolve(host, { all: true }, (error, addresses) =>
        resolve(error === null ? this.#faultOfAll(host, addresses) : undefined),
      );
    });
  }

  #faultOfAll(host: string, addresses: readonly LookupAddress[]): string | undefined {
    return addresses.map(({ address }) => this.#faultOfAddress(host, address)).find(Boolean);
  }

  #faultOfAddress(host: string, address: string): string | undefined {
    if (this.#allowPrivate || !isPrivate(address)) return undefined;
    const what = host === address ? `${address} is` : `${host} resolves to ${address},`;
    return `${what} an address inside the network: set WEBHOOK_ALLOW_PRIVATE=true to allow these`;
  }
}

function originOf(entry: string): string | undefined {
  return URL.canParse(entry) ? new URL(entry).origin : undefined;
}

/** URLs write IPv6 addresses in brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
