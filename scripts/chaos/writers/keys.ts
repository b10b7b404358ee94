/** Keys, made, rotated and revoked in the bucket beside the server: in force as was said, and in the list once. */
import { KeyClient } from '../../lib/key-client.ts';
import type { Bucket } from '../../push/bucket.ts';
import { createKey, listKeys, revokeKey, rotateKey } from '../../push/keys.ts';
import { RECORD_MS } from '../../../worker/access/key-record.ts';
import { readSurely } from '../writer.ts';
import type { Writer } from '../writer.ts';
import type { SeededRandom } from '../../lib/seeded-random.ts';

interface KeyNotes {
  readonly id: string;
  key: string;
  /** Secrets that a rotation without overlap has ended. */
  readonly ended: string[];
  revoked: 'no' | 'perhaps' | 'yes';
  /** Whether a rotation without an answer may have made its secret another. */
  isUnsure: boolean;
  changedAtMs: number;
  isFresh: boolean;
}

const NEW_PART = 0.5;
/** Keys are written by another process, which is faster than requests are answered. */
const PAUSE_MS = 150;

export class KeyWriter implements Writer {
  readonly name = 'keys';
  nAcknowledged = 0;
  readonly #url: string;
  readonly #random: SeededRandom;
  readonly #bucket: () => Bucket;
  readonly #keys: KeyNotes[] = [];

  /** @param bucket another one after its process was killed */
  constructor(url: string, random: SeededRandom, bucket: () => Bucket) {
    this.#url = url;
    this.#random = random;
    this.#bucket = bucket;
  }

  async write(): Promise<void> {
    const last = this.#keys.at(-1);
    const isNew = last === undefined || last.revoked !== 'no' || last.isUnsure;
    if (isNew || this.#random.chance(NEW_PART)) await this.#create();
    else if (this.#random.chance(0.5)) await this.#rotate(last);
    else await this.#revoke(last);
    this.nAcknowledged++;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }

  async check(all: boolean): Promise<string[]> {
    const problems: string[] = [];
    const records = await listKeys(this.#bucket());
    for (const notes of this.#keys) {
      if (!all && !notes.isFresh) continue;
      const there = records.filter(({ id }) => id === notes.id);
      if (there.length !== 1) problems.push(`key ${notes.id}: is listed ${there.length} times`);
      const isRevoked = there[0]?.revokedAt != null;
      if (notes.revoked !== 'perhaps' && isRevoked !== (notes.revoked === 'yes'))
        problems.push(`key ${notes.id}: revoked is ${isRevoked}, expected ${notes.revoked}`);
      notes.revoked = isRevoked ? 'yes' : 'no';
      problems.push(...(await this.#checkInForce(notes, all)));
      notes.isFresh = false;
    }
    return problems;
  }

  async #create(): Promise<void> {
    const { key, record } = await createKey(this.#bucket(), {
      ...{ name: this.#random.word(), scopes: ['read'], models: null },
      ...{ expiresAt: null, limits: null },
    });
    this.#keys.push({
      ...{ id: record.id, key, ended: [], revoked: 'no', isUnsure: false },
      ...{ changedAtMs: performance.now(), isFresh: true },
    });
  }

  async #rotate(notes: KeyNotes): Promise<void> {
    notes.isFresh = true;
    notes.isUnsure = true;
    const { key } = await rotateKey(this.#bucket(), notes.id, 0);
    notes.ended.push(notes.key);
    Object.assign(notes, { key, isUnsure: false, changedAtMs: performance.now() });
  }

  async #revoke(notes: KeyNotes): Promise<void> {
    notes.isFresh = true;
    notes.revoked = 'perhaps';
    await revokeKey(this.#bucket(), notes.id);
    Object.assign(notes, { revoked: 'yes', changedAtMs: performance.now() });
  }

  /** @param waits until the server must know what was changed last */
  async #checkInForce(notes: KeyNotes, waits: boolean): Promise<string[]> {
    const { id, key, revoked, ended, isUnsure, changedAtMs } = notes;
    const leftMs = changedAtMs + RECORD_MS - performance.now();
    if (leftMs > 0 && !waits) return [];
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
    if (isUnsure) return [];
    const isLet = async (text: string): Promise<boolean> =>
      (await readSurely(new KeyClient(this.#url, text), '/v1/models')).status === 200;
    const problems: string[] = [];
    if ((await isLet(key)) !== (revoked === 'no'))
      problems.push(`key ${id}: is ${revoked === 'no' ? 'not ' : ''}in force`);
    for (const secret of ended)
      if (await isLet(secret)) problems.push(`key ${id}: a secret before is in force`);
    return problems;
  }
}
