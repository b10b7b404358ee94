/** A session's rows in workerd's own SQLite: parts are kept, rows of an earlier version still read. */
import { expect, test } from 'vitest';
import { createMiniflare } from '../../../scripts/lib/miniflare.ts';
import type { Content } from '../../../worker/serving/conversation/message.ts';
import { bundleText } from '../../support/bundle.ts';

test('texts stay texts, pictures stay parts', async () => {
  const script = await bundleText('tests/support/history-worker.ts');
  const miniflare = await createMiniflare({
    compatibilityDate: '2026-11-01',
    modules: [{ type: 'ESModule', path: 'history.js', contents: script }],
    durableObjects: {
      HISTORY: { className: 'HistoryObject', useSQLite: true },
      SUBJECT_KEYS: { className: 'SubjectKeyObject', useSQLite: true },
    },
    r2Buckets: ['FILES'],
  });
  try {
    const content: Content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image', url: 'data:image/png;base64,AAAA', given: 'image_url' },
    ];
    const answer: Content = [{ type: 'text', text: 'A cat.' }];
    const response = await miniflare.dispatchFetch('http://history/', {
      method: 'POST',
      body: JSON.stringify({
        old: 'Hello.',
        messages: [
          { role: 'user', content, nToken: 4 },
          { role: 'assistant', content: answer, nToken: 3 },
        ],
      }),
    });
    const { messages } = (await response.json()) as { messages: { content: Content }[] };
    const [before, asked, answered] = messages.map((message) => message.content);
    expect(before).toEqual([{ type: 'text', text: 'Hello.' }]);
    expect(asked).toEqual(content);
    expect(answered).toEqual(answer);
  } finally {
    await miniflare.dispose();
  }
});
