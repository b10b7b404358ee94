/** Seals and opens what one object keeps for its subject. */
import { EngineError } from '../../../engine/base/errors.ts';
import { objectName } from '../../platform/caller.ts';
import { generationOf, open, seal } from '../../platform/storage/seal.ts';
import type { ContentKey } from '../../platform/storage/seal.ts';
import { findKey, keyForReading, keyForWriting } from './content-keys.ts';
import type { ContentEnv, Owner } from './content-keys.ts';

/** What a subject keeps. */
export type KeptKind = 'session' | 'response' | 'collection' | 'file' | 'batch' | 'record';

/** A place in an object: a row and column, such as `messages/3/content`. */
export class ContentBox {
  readonly #env: ContentEnv;
  readonly #owner: Owner;
  readonly #identity: string;

  /** @param name of the object, as its subject calls it */
  constructor(env: ContentEnv, owner: Owner, kind: KeptKind, name: string) {
    this.#env = env;
    this.#owner = owner;
    this.#identity = `${kind}/${objectName(owner, name)}`;
  }

  async seal(place: string, content: string | Uint8Array): Promise<ArrayBuffer> {
    return await this.sealWith(await this.writingKey(), place, content);
  }

  /** For many pieces in a row: the key is asked for once. */
  async sealWith(
    key: ContentKey,
    place: string,
    content: string | Uint8Array,
  ): Promise<ArrayBuffer> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return await seal(key, this.#at(place), bytes);
  }

  /** The key in force; null when there is none. */
  async findKey(): Promise<ContentKey | null> {
    return await findKey(this.#env, this.#owner);
  }

  async writingKey(): Promise<ContentKey> {
    return await keyForWriting(this.#env, this.#owner);
  }

  /**
   * Null when its key has been destroyed.
   * @throws {EngineError} E_CONTENT_INVALID when it was changed or moved
   */
  async bytes(place: string, sealed: ArrayBuffer | Uint8Array): Promise<Uint8Array | null> {
    const envelope = sealed instanceof Uint8Array ? sealed : new Uint8Array(sealed);
    try {
      const key = await keyForReading(this.#env, this.#owner, generationOf(envelope));
      return key === null ? null : await open(key, this.#at(place), envelope);
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      throw changed(cause);
    }
  }

  #at(place: string): string {
    return `${this.#identity}/${place}`;
  }
}

/**
 * What a column holds: rows of earlier versions are texts in the clear. Null when the key has been destroyed.
 * @param box null before anything sealed was stored
 */
export async function openText(
  box: ContentBox | null,
  place: string,
  stored: SqlStorageValue,
): Promise<string | null> {
  if (typeof stored === 'string') return stored;
  const bytes = await box?.bytes(place, stored as ArrayBuffer);
  return bytes == null ? null : new TextDecoder().decode(bytes);
}

function changed(cause: unknown): EngineError {
  return new EngineError(
    'E_CONTENT_INVALID',
    'stored content: does not open with its key where it lies. It was changed or moved; delete it.',
    { cause },
  );
}
