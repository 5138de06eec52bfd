// What the Accept header asks for: which picture of a map, or a line of text instead of JSON.
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
  const ranges = accept.split(',').map(parseRange);
  const [best] = MAP_FORMATS.flatMap((format) => {
    const range = mostSpecific(ranges, format);
    return range === undefined || !(range.quality > 0) ? [] : [{ format, range }];
  }).sort((a, b) => b.range.quality - a.range.quality || specificity(b.range) - specificity(a.range));
  if (best !== undefined) return best.format;
  throw new ServiceError('NOT_ACCEPTABLE', {
    detail: `A heat map can be had as ${Object.values(CONTENT_TYPES).join(', ')}; not as ${accept}.`,
  });
}

/**
 * Only where it is named and liked better than JSON: a wildcard takes what the API speaks, and so does a client that
 * lists both.
 */
export function prefersText(accept: string | undefined): boolean {
  const ranges = (accept ?? '').split(',').map(parseRange);
  const best = (types: readonly string[]) =>
    Math.max(0, ...ranges.filter(({ type }) => types.includes(type)).map(({ quality }) => quality));
  return best(['text/plain']) > best(['application/json', 'application/problem+json', 'application/*']);
}

interface MediaRange {
  readonly type: string;
  readonly depth: string | undefined;
  readonly quality: number;
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((piece) => piece.trim().toLowerCase());
  const value = (name: string) =>
    parameters.find((piece) => piece.startsWith(`${name}=`))?.slice(name.length + 1);
  return { type, depth: value('depth'), quality: Number(value('q') ?? 1) };
}

/** "the most specific reference has precedence" (RFC 9110, 12.5.1): what it says of a format, holds. */
function mostSpecific(ranges: readonly MediaRange[], format: MapFormat): MediaRange | undefined {
  return ranges.filter((range) => includes(range, format)).sort((a, b) => specificity(b) - specificity(a))[0];
}

function includes({ type, depth }: MediaRange, format: MapFormat): boolean {
  const own = format === 'npy' ? NPY_TYPE : 'image/png';
  if (!['*/*', `${own.split('/')[0]}/*`, own].includes(type)) return false;
  // 16 bits for who asks for them, and for nobody else: a wildcard wants a picture to look at.
  return (depth === '16') === (format === 'png16');
}

function specificity({ type, depth }: MediaRange): number {
  return type === '*/*' ? 0 : type.endsWith('/*') ? 1 : depth === '16' ? 3 : 2;
}
