/** Passages that an earlier version wrote in the clear, among sealed ones. */
import { expect, test } from 'vitest';
import { createMiniflare } from '../../../scripts/lib/miniflare.ts';
import { bundleText } from '../../support/bundle.ts';

test('passages in the clear are sealed once, and ranked with the others', async () => {
  const script = await bundleText('tests/support/collection-worker.ts');
  const miniflare = await createMiniflare({
    compatibilityDate: '2026-11-01',
    modules: [{ type: 'ESModule', path: 'collection.js', contents: script }],
    durableObjects: {
      COLLECTIONS: { className: 'OldCollection', useSQLite: true },
      SUBJECT_KEYS: { className: 'SubjectKeyObject', useSQLite: true },
    },
    r2Buckets: ['FILES'],
  });
  try {
    const answer = (await (await miniflare.dispatchFetch('http://collection/')).json()) as Record<
      string,
      { found: string[] }
    >;
    expect(answer).toMatchObject({
      ranking: { nClear: 0 },
      // What another request sealed meanwhile is not written again.
      race: { isSame: true, about: 'old' },
      deleted: 'E_NOT_FOUND',
    });
    // In an index of its own it would be last: a word that all passages have tells nothing.
    expect(answer['ranking']!.found).toHaveLength(6);
    expect(answer['ranking']!.found[0]).toBe('old');
  } finally {
    await miniflare.dispose();
  }
});
