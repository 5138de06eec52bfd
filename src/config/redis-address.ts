// Where Redis is: one server, those behind sentinels, or a cluster, read from one URL.

export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** Of the server, the sentinels, or some nodes of the cluster. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** As the sentinels name it; empty without them. */
  readonly master: string;
}

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(.*)@)?([^/?#@]+)(?:\/([^?#]*))?$/i;
const HOST = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i;
const DEFAULT_PORT = { single: 6379, sentinel: 26_379, cluster: 6379 };

/** Throws an Error of one line that says what is wrong with it, and repeats nothing of its password. */
export function parseRedisUrl(url: string): RedisAddress {
  const [, scheme = '', form, account, hosts = '', path = ''] = FORM.exec(url) ?? [];
  if (scheme === '')
    throw new Error(
      'must be redis://host, rediss://host for TLS, redis+sentinel://host,host/master or redis+cluster://host,host',
    );
  const kind = (form?.toLowerCase() ?? 'single') as RedisAddress['kind'];
  const address = {
    kind,
    hosts: hosts.split(',').map((text, at) => hostIn(text, at, DEFAULT_PORT[kind])),
    tls: scheme.toLowerCase() === 'rediss',
    ...accountIn(account),
  };
  if (kind === 'single' && address.hosts.length > 1)
    throw new Error('names several hosts: that is redis+sentinel://… or redis+cluster://…');
  const names = path.split('/').map(decoded);
  const [master, database] = kind === 'sentinel' ? [names[0] ?? '', names.slice(1)] : ['', names];
  if (kind === 'sentinel' && master === '')
    throw new Error('must name the master the sentinels watch: redis+sentinel://host,host/master');
  return { ...address, master, database: databaseIn(database, kind) };
}

/** Told by its place: with its "@" forgotten, a password would be taken for a host. */
function hostIn(text: string, at: number, defaultPort: number): { host: string; port: number } {
  const [, ipv6, name, port] = HOST.exec(text.trim()) ?? [];
  const host = ipv6 ?? name;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535)
    throw new Error(
      `its host number ${at + 1} must be a host, or a host and its port, such as redis-1:6379; a password ends in "@"`,
    );
  return { host, port: number };
}

function accountIn(account: string | undefined): Pick<RedisAddress, 'username' | 'password'> {
  if (account === undefined) return { username: undefined, password: undefined };
  const colon = account.indexOf(':');
  const [username, password] =
    colon === -1 ? [account, ''] : [account.slice(0, colon), account.slice(colon + 1)];
  return { username: decoded(username) || undefined, password: decoded(password) || undefined };
}

function databaseIn(names: readonly string[], kind: RedisAddress['kind']): number {
  const [name = '', ...more] = names;
  if (!/^\d{0,4}$/.test(name) || more.length > 0)
    throw new Error('must end in the number of a database, or in nothing');
  if (kind === 'cluster' && Number(name) !== 0)
    throw new Error('names a database, and a cluster has but one: leave it away');
  return Number(name);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('has a "%" that encodes nothing; in a password it is written %25');
  }
}
