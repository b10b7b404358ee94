/**
 * Content sealed with a key of its subject: AES-GCM, 256 bits, a random nonce each time. Where the content lies (its
 * identity) is authenticated with it, so that a row moved elsewhere does not open.
 */

/** Envelope: a version, the number of the key, the nonce, and what AES-GCM made, with its tag. */
const VERSION = 1;
const GENERATION_AT = 1;
const NONCE_AT = 5;
const NONCE_BYTES = 12;
const SEALED_AT = NONCE_AT + NONCE_BYTES;
const TAG_BYTES = 16;
/** What an envelope is longer than its content. */
export const SEAL_OVERHEAD_BYTES = SEALED_AT + TAG_BYTES;

export const RAW_KEY_BYTES = 32;
/** Bytes of a word's hash: of a million words two share one with a chance of 3 in 10^8. */
const WORD_HASH_BYTES = 8;

/** What a subject's content is sealed with. */
export interface ContentKey {
  /** Number of the key among those its subject had; a destroyed one's never comes back. */
  readonly generation: number;
  readonly content: CryptoKey;
  /** Hashes words, so that sealed passages can be searched. */
  readonly words: CryptoKey;
}

/** @param raw 32 random bytes; two keys are derived from them (HKDF, SHA-256) */
export async function contentKeyOf(generation: number, raw: Uint8Array): Promise<ContentKey> {
  const root = await crypto.subtle.importKey('raw', raw, 'HKDF', false, ['deriveKey']);
  const derive = (use: string, to: object, uses: string[]): Promise<CryptoKey> =>
    crypto.subtle.deriveKey(
      { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: utf8(`thimble ${use}`) },
      root,
      to as SubtleCryptoImportKeyAlgorithm,
      false,
      uses,
    );
  const [content, words] = await Promise.all([
    derive('content', { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']),
    derive('words', { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign']),
  ]);
  return { generation, content, words };
}

/** @param identity where the envelope will lie; it opens nowhere else */
export async function seal(
  key: ContentKey,
  identity: string,
  content: Uint8Array,
): Promise<ArrayBuffer> {
  const envelope = new Uint8Array(content.length + SEAL_OVERHEAD_BYTES);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = await crypto.subtle.encrypt(gcm(nonce, identity), key.content, content);
  envelope[0] = VERSION;
  new DataView(envelope.buffer).setUint32(GENERATION_AT, key.generation);
  envelope.set(nonce, NONCE_AT);
  envelope.set(new Uint8Array(sealed), SEALED_AT);
  return envelope.buffer;
}

/** Number of the key that an envelope was sealed with. @throws {Error} for what is not an envelope */
export function generationOf(envelope: Uint8Array): number {
  if (envelope.length < SEAL_OVERHEAD_BYTES || envelope[0] !== VERSION)
    throw new Error('sealed content: not an envelope of this version');
  return new DataView(envelope.buffer, envelope.byteOffset).getUint32(GENERATION_AT);
}

/** @throws {Error} when the envelope was changed, moved, or sealed with another key */
export async function open(
  key: ContentKey,
  identity: string,
  envelope: Uint8Array,
): Promise<Uint8Array> {
  if (generationOf(envelope) !== key.generation)
    throw new Error('sealed content: was sealed with another key');
  const nonce = envelope.subarray(NONCE_AT, SEALED_AT);
  const sealed = envelope.subarray(SEALED_AT);
  const opened = await crypto.subtle.decrypt(gcm(nonce, identity), key.content, sealed);
  return new Uint8Array(opened);
}

/** A word's keyed hash, in hexadecimal digits. */
export async function hashWord(key: ContentKey, word: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.sign('HMAC', key.words, utf8(word)));
  return Array.from(hash.subarray(0, WORD_HASH_BYTES), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

function gcm(iv: Uint8Array, identity: string): SubtleCryptoEncryptAlgorithm {
  return {
    name: 'AES-GCM',
    iv: iv,
    additionalData: utf8(identity),
    tagLength: 8 * TAG_BYTES,
  };
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}
