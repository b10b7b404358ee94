/** Sealed content: what opens it, what does not, and what is left when its key is destroyed. */
import { describe, expect, test } from 'vitest';
import { createMiniflare } from '../../../scripts/lib/miniflare.ts';
import {
  isWrapped,
  newRawKey,
  unwrapKey,
  wrapKey,
} from '../../../worker/access/content/wrap-key.ts';
import { keptMs, retentionMs } from '../../../worker/access/content/retention.ts';
import {
  contentKeyOf,
  hashWord,
  open,
  seal,
  SEAL_OVERHEAD_BYTES,
} from '../../../worker/platform/storage/seal.ts';
import { bundleText } from '../../support/bundle.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const [OLD, NEW] = ['old '.repeat(10), 'new '.repeat(10)].map((text) => text.replaceAll(' ', '-'));

describe('an envelope', () => {
  test('opens with its key, where it was sealed', async () => {
    const key = await contentKeyOf(7, newRawKey());
    const envelope = new Uint8Array(await seal(key, 'a/1', bytes('Hello')));
    expect(envelope.length).toBe(5 + SEAL_OVERHEAD_BYTES);
    expect(new TextDecoder().decode(await open(key, 'a/1', envelope))).toBe('Hello');
    // Never the same twice.
    expect(new Uint8Array(await seal(key, 'a/1', bytes('Hello')))).not.toEqual(envelope);
  });

  test('does not open when it was moved, changed anywhere, or sealed with another key', async () => {
    const raw = newRawKey();
    const key = await contentKeyOf(7, raw);
    const envelope = new Uint8Array(await seal(key, 'a/1', bytes('Hello')));
    await expect(open(key, 'a/2', envelope)).rejects.toThrow();
    await expect(open(await contentKeyOf(7, newRawKey()), 'a/1', envelope)).rejects.toThrow();
    await expect(open(await contentKeyOf(8, raw), 'a/1', envelope)).rejects.toThrow(/another key/);
    for (let at = 0; at < envelope.length; at++) {
      const changed = envelope.with(at, envelope[at]! ^ 1);
      await expect(open(key, 'a/1', changed), `byte ${at}`).rejects.toThrow();
      await expect(open(key, 'a/1', envelope.subarray(0, at)), `${at} bytes`).rejects.toThrow();
    }
  });

  test('words have one hash with a key, and another with another', async () => {
    const [one, two] = [await contentKeyOf(1, newRawKey()), await contentKeyOf(1, newRawKey())];
    expect(await hashWord(one, 'sea')).toMatch(/^[0-9a-f]{16}$/);
    expect(await hashWord(one, 'sea')).toBe(await hashWord(one, 'sea'));
    expect(await hashWord(one, 'sea')).not.toBe(await hashWord(two, 'sea'));
    expect(await hashWord(one, 'sea')).not.toBe(await hashWord(one, 'seas'));
  });
});

describe("a subject's key", () => {
  test('is stored as it is without a secret', async () => {
    const raw = newRawKey();
    expect(await wrapKey({}, 'ada', raw)).toEqual({ bytes: raw, wrappedBy: null });
    expect(await unwrapKey({ CONTENT_KEY: NEW! }, 'ada', { bytes: raw, wrappedBy: null })).toEqual(
      raw,
    );
  });

  test('opens with the secret that wraps it, also beside a newer one, for its subject alone', async () => {
    const raw = newRawKey();
    const stored = await wrapKey({ CONTENT_KEY: OLD! }, 'ada', raw);
    expect([...stored.bytes].join()).not.toContain([...raw].join());
    for (const secrets of [OLD!, `${NEW},${OLD}`])
      expect(await unwrapKey({ CONTENT_KEY: secrets }, 'ada', stored)).toEqual(raw);
    expect(await isWrapped({ CONTENT_KEY: OLD! }, stored)).toBe(true);
    expect(await isWrapped({ CONTENT_KEY: `${NEW},${OLD}` }, stored)).toBe(false);
    await expect(unwrapKey({ CONTENT_KEY: OLD! }, 'grace', stored)).rejects.toThrow();
    for (const vars of [{}, { CONTENT_KEY: NEW! }])
      await expect(unwrapKey(vars, 'ada', stored)).rejects.toMatchObject({ code: 'E_CONTENT_KEY' });
  });

  test('is not wrapped with a secret that is short', async () => {
    const wrapped = wrapKey({ CONTENT_KEY: 'x'.repeat(31) }, 'ada', newRawKey());
    await expect(wrapped).rejects.toMatchObject({ code: 'E_CONTENT_KEY' });
  });
});

test('what a destroyed key has sealed is not there, not even when the old rows come back', async () => {
  const script = await bundleText('tests/support/content-worker.ts');
  const miniflare = await createMiniflare({
    compatibilityDate: '2026-11-01',
    modules: [{ type: 'ESModule', path: 'content.js', contents: script }],
    durableObjects: {
      HISTORY: { className: 'SealedHistory', useSQLite: true },
      SUBJECT_KEYS: { className: 'RestorableKeys', useSQLite: true },
    },
    r2Buckets: ['FILES'],
  });
  try {
    const steps = (await (await miniflare.dispatchFetch('http://content/')).json()) as object;
    const said = [JSON.stringify([{ type: 'text', text: 'My name is Ada.' }])];
    expect(steps).toMatchObject({
      before: said,
      first: { generation: 1 },
      destroyed: null,
      again: null,
      later: said,
      restored: null,
      second: { generation: 2 },
      allRestored: null,
      third: { generation: 4 },
    });
  } finally {
    await miniflare.dispose();
  }
});

test('the shorter retention counts', () => {
  expect(retentionMs({})).toBe(Infinity);
  expect(keptMs({ RETENTION_DAYS: '2' }, null)).toBe(2 * 24 * 60 * 60 * 1000);
  expect(keptMs({ RETENTION_DAYS: '2' }, 60)).toBe(60_000);
  expect(keptMs({ RETENTION_DAYS: '0.5' }, 10 ** 9)).toBe(12 * 60 * 60 * 1000);
  for (const wrong of ['0', '-1', 'x', '1e9', 'NaN'])
    expect(() => retentionMs({ RETENTION_DAYS: wrong })).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }) as Error,
    );
});
