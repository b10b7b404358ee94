/**
 * Whose content a Durable Object keeps. It says so in its own database: alarms and calls that read carry no caller.
 */
import { NO_REQUEST } from '../../platform/failure.ts';
import type { CallContext } from '../../platform/failure.ts';
import { ContentBox } from './content-box.ts';
import type { KeptKind } from './content-box.ts';
import type { ContentEnv, Owner } from './content-keys.ts';
import { forgetKept, isListed, noteKept } from '../../platform/storage/kept-list.ts';

interface Kept {
  readonly subject: string;
  readonly name: string;
}

const PLACE = 'keeper';

export class Keeper {
  readonly #storage: DurableObjectStorage;
  readonly #env: ContentEnv;
  readonly #kind: KeptKind;
  #kept: Kept | null = null;

  constructor(storage: DurableObjectStorage, env: ContentEnv, kind: KeptKind) {
    this.#storage = storage;
    this.#env = env;
    this.#kind = kind;
  }

  /** For reading what is there; null before anything sealed was written. */
  async find(call: CallContext = NO_REQUEST): Promise<ContentBox | null> {
    this.#kept ??= (await this.#storage.get<Kept>(PLACE)) ?? null;
    return this.#kept === null ? null : this.#box(this.#kept, call);
  }

  /** For writing: an object that no bucket lists is on its subject's list before it holds anything. */
  async begin(owner: Owner, name: string): Promise<ContentBox> {
    const found = await this.find(owner);
    if (found !== null) return found;
    const { subject } = owner;
    const kind = this.#kind;
    if (isListed(kind)) await noteKept(this.#env.FILES, kind, owner, name);
    this.#kept = { subject, name };
    await this.#storage.put(PLACE, this.#kept);
    return this.#box(this.#kept, owner);
  }

  /** Deletes everything that the object holds, alarm included, and takes it off the list. */
  async end(): Promise<void> {
    await this.find();
    const kept = this.#kept;
    this.#kept = null;
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
    const kind = this.#kind;
    if (kept !== null && isListed(kind)) await forgetKept(this.#env.FILES, kind, kept, kept.name);
  }

  #box({ subject, name }: Kept, { requestId }: CallContext): ContentBox {
    return new ContentBox(this.#env, { subject, requestId }, this.#kind, name);
  }
}
