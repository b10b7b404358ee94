/** POST /v1/tasks/summarize. */
import { summarize, summaryEvent } from '../../serving/tasks/summarize.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const text =
  'The old mill stood by the river for two hundred years. In spring the water rose and turned its ' +
  'wheel. Farmers came with their corn and went home with flour. Then the river was moved.';

export const summarizeTask = defineTaskEndpoint({
  task: summarize,
  event: summaryEvent,
  summary: 'Summarize a text of any length',
  description:
    'A text that does not fit the context is cut between paragraphs or sentences; the pieces are summarized, ' +
    'then their summaries together. A stream contains the final summary as it is made.',
  examples: [
    { title: 'One paragraph', body: { text, max_words: 20 } },
    { title: 'Points', body: { text, style: 'bullet', length: 'short', max_tokens: 60 } },
    { title: 'A streamed summary', body: { text, max_words: 15, stream: true } },
    { title: 'An empty text', body: { text: ' ' }, status: 400 },
  ],
});
