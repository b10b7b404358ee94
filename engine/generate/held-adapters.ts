/**
 * Adapters of one decoder: loaded when somebody asks for them, kept until their room is needed, the least recently
 * used first, and never given up while a generation uses them.
 */
import { EngineError } from '../base/errors.ts';
import type { AdapterSource, DecoderBackend } from '../model/decoder/contract.ts';

/** Adapters that may wait until others give up their room. */
export const MAX_PENDING = 32;
/** Seconds a client should wait while too many are before it. */
const BUSY_RETRY_AFTER_S = 2;

interface Entry {
  users: number;
  isLoaded: boolean;
  readonly loading: Promise<void>;
}

export class HeldAdapters {
  readonly #decoder: DecoderBackend;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** One adapter is loaded at a time: each may take the room of others. */
  #loading: Promise<void> = Promise.resolve();
  /** Called when an adapter is no longer used. */
  #onIdle: (() => void) | null = null;
  /** What was used before the last reset is not given back any more. */
  #nReset = 0;

  constructor(decoder: DecoderBackend) {
    this.#decoder = decoder;
  }

  /** Ids of those in memory, the least recently used first. */
  get ids(): readonly string[] {
    return [...this.#entries].filter(([, { isLoaded }]) => isLoaded).map(([id]) => id);
  }

  /**
   * Holds an adapter until the function that is returned is called. Waits while the room it needs is in use.
   * @throws {EngineError} E_MEMORY_BUDGET for one that would not fit even alone; E_BUSY when too many wait; what
   *   its source throws
   */
  async use(source: AdapterSource): Promise<() => void> {
    const { id } = source;
    const entry = this.#entries.get(id) ?? this.#open(source);
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    entry.users++;
    const release = this.#releaseOnce(entry);
    try {
      await entry.loading;
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Those who used adapters are gone. */
  reset(): void {
    this.#nReset++;
    for (const entry of this.#entries.values()) entry.users = 0;
    this.#wake();
  }

  #open(source: AdapterSource): Entry {
    const nPending = [...this.#entries.values()].filter(({ isLoaded }) => !isLoaded).length;
    if (nPending >= MAX_PENDING) throw busy();
    const loading = this.#loading.then(() => this.#load(source));
    const entry: Entry = { users: 0, isLoaded: false, loading };
    this.#loading = loading.then(
      () => void (entry.isLoaded = true),
      // A failure is not kept: the next request tries again.
      () => void this.#entries.delete(source.id),
    );
    return entry;
  }

  async #load(source: AdapterSource): Promise<void> {
    const decoder = this.#decoder;
    if (decoder.holdAdapter === undefined)
      throw new EngineError('E_INTERNAL', `adapter ${source.id}: this decoder takes no adapters`);
    let tensors: ReturnType<AdapterSource['load']> | null = null;
    // Asked for again after room was made, always for the same layers.
    const readOnce: AdapterSource = {
      ...source,
      load: (layers) => (tensors ??= source.load(layers)),
    };
    for (;;) {
      try {
        return await decoder.holdAdapter(readOnce);
      } catch (error) {
        if (!isFull(error) || !(await this.#makeRoom(decoder))) throw error;
      }
    }
  }

  /** Gives up the adapter that nobody has used for longest, or waits until one is idle; false when none is loaded. */
  async #makeRoom(decoder: DecoderBackend): Promise<boolean> {
    const loaded = [...this.#entries].filter(([, { isLoaded }]) => isLoaded);
    const idle = loaded.find(([, { users }]) => users === 0);
    if (idle !== undefined) {
      const [oldest] = idle;
      this.#entries.delete(oldest);
      await decoder.dropAdapter?.(oldest);
    } else if (loaded.length > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    return loaded.length > 0;
  }

  #releaseOnce(entry: Entry): () => void {
    const nReset = this.#nReset;
    let isReleased = false;
    return () => {
      if (isReleased || nReset !== this.#nReset) return;
      isReleased = true;
      entry.users--;
      if (entry.users === 0) this.#wake();
    };
  }

  #wake(): void {
    this.#onIdle?.();
    this.#onIdle = null;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'E_MEMORY_BUDGET';
}

function busy(): EngineError {
  return new EngineError(
    'E_BUSY',
    `adapters: ${MAX_PENDING} wait for room already; try again later.`,
    { details: { retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}
