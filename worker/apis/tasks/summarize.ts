/** POST /v1/tasks/summarize. */
import { summarize, summaryEvent } from '../../serving/tasks/summarize.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const text =
  'The old mill stood by the river for two hundred years. In spring the water rose and turned its ' +
  'wheel. Farmers came with their corn and went home with flour. Then the river was moved.';

export const summarizeTask = defineTaskEndpoint({
  task: summarize,
  event: summaryEvent,
  summary: 'Sum up a text of any length',
  description:
    'What does not fit the context is cut between paragraphs or sentences; the pieces are summed up, ' +
    'then their summaries together. A stream has the last of these as it is made.',
  examples: [
    { title: 'One paragraph', body: { text, max_words: 20 } },
    { title: 'Points', body: { text, style: 'bullet', length: 'short', max_tokens: 60 } },
    { title: 'As it is made', body: { text, max_words: 15, stream: true } },
    { title: 'Nothing to sum up', body: { text: ' ' }, status: 400 },
  ],
});
