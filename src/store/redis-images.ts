// Images of captures in Redis: a hash for each inspection, and in which order they were kept.
import type { RedisCommander } from 'ioredis';
import { fileName, namedImages, THUMBNAIL } from './image-names.js';
import { FORGET, KEEP_IMAGES } from './redis-scripts.js';
import { type CaptureImages, type ImagesKept, MAX_EVICTED, type Revision } from './store.js';

export class RedisImages {
  readonly #redis: RedisCommander;
  readonly #key: (name: string) => string;

  constructor(redis: RedisCommander, key: (name: string) => string) {
    this.#redis = redis;
    this.#key = key;
  }

  async keep(
    { inspectionId, revision }: Revision,
    images: CaptureImages,
    limitBytes: number,
  ): Promise<ImagesKept> {
    const { named, bytes } = namedImages(images);
    if (bytes > limitBytes) return { kept: false, evicted: 0 };
    const keys = [this.#key(`inspection:${inspectionId}`), ...this.keysOf(inspectionId)];
    const fields = named.flatMap(([name, image]) => [name, Buffer.from(image)]);
    const told = [inspectionId, revision, bytes, limitBytes, MAX_EVICTED, this.#key('images:')];
    const evicted = Number(await this.#redis.eval(KEEP_IMAGES, keys.length, ...keys, ...told, ...fields));
    return { kept: evicted >= 0, evicted: Math.max(0, evicted) };
  }

  thumbnail(inspectionId: string): Promise<Uint8Array | undefined> {
    return this.#field(inspectionId, THUMBNAIL);
  }

  original(inspectionId: string, modality: string): Promise<Uint8Array | undefined> {
    return this.#field(inspectionId, fileName(modality));
  }

  async bytes(): Promise<number> {
    return Number(await this.#redis.get(this.#key('imageBytes')));
  }

  /** Maps and images, or all of the record too; false where there was nothing of it. */
  async forget({ inspectionId, revision }: Revision, what: 'images' | 'records'): Promise<boolean> {
    const keys = [
      ...[`inspection:${inspectionId}`, 'feed', 'open'].map((name) => this.#key(name)),
      ...this.keysOf(inspectionId),
    ];
    return (await this.#redis.eval(FORGET, keys.length, ...keys, inspectionId, revision, what)) === 1;
  }

  async #field(inspectionId: string, name: string): Promise<Uint8Array | undefined> {
    return (await this.#redis.hgetBuffer(this.#key(`images:${inspectionId}`), name)) ?? undefined;
  }

  /** What changes where images come or go: of the inspection, their order, their bytes. */
  keysOf(inspectionId: string): string[] {
    return [`images:${inspectionId}`, 'imageOrder', 'imageBytes'].map((name) => this.#key(name));
  }
}
