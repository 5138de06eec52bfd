// Which picture of the map a client wants: ?format= first, then the Accept header.
import { ServiceError } from '../errors.js';

export const MAP_FORMATS = ['png', 'png16', 'npy'] as const;
export type MapFormat = (typeof MAP_FORMATS)[number];

const NPY_TYPE = 'application/x-npy';

export const CONTENT_TYPES: Readonly<Record<MapFormat, string>> = {
  png: 'image/png',
  png16: 'image/png;depth=16',
  npy: NPY_TYPE,
};

/** Throws ServiceError NOT_ACCEPTABLE, naming what can be had. */
export function negotiateFormat(accept: string | undefined): MapFormat {
  if (accept === undefined || accept.trim() === '') return 'png';
  for (const range of byPreference(accept)) {
    const format = formatOf(range);
    if (format !== undefined) return format;
  }
  throw new ServiceError('NOT_ACCEPTABLE', {
    detail: `A heat map can be had as ${Object.values(CONTENT_TYPES).join(', ')}; not as ${accept}.`,
  });
}

interface MediaRange {
  readonly type: string;
  readonly depth: string | undefined;
  readonly quality: number;
}

/** "a weight of 0 means not acceptable" (RFC 9110, 12.4.2). */
function byPreference(accept: string): MediaRange[] {
  return accept
    .split(',')
    .map(parseRange)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((piece) => piece.trim().toLowerCase());
  const value = (name: string) =>
    parameters.find((piece) => piece.startsWith(`${name}=`))?.slice(name.length + 1);
  return { type, depth: value('depth'), quality: Number(value('q') ?? 1) };
}

function formatOf({ type, depth }: MediaRange): MapFormat | undefined {
  if (type === NPY_TYPE) return 'npy';
  if (type === 'image/png' && depth === '16') return 'png16';
  return ['image/png', 'image/*', '*/*'].includes(type) ? 'png' : undefined;
}
