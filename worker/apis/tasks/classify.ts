/** POST /v1/tasks/classify. */
import { classify } from '../../serving/tasks/classify.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const text = 'What a lovely day at the sea!';

export const classifyTask = defineTaskEndpoint({
  task: classify,
  summary: 'Classify a text by labels',
  description:
    'Generates nothing: the probability of each label follows from the log-probability of its tokens as ' +
    'the answer, calibrated by the answers to texts without content.',
  examples: [
    { title: 'One of two', body: { text, labels: ['positive', 'negative'] } },
    {
      title: 'Independent labels with descriptions',
      body: {
        text,
        labels: ['travel', { label: 'weather', description: 'sun, rain, wind' }],
        multi_label: true,
      },
    },
    { title: 'A label twice', body: { text, labels: ['a', 'a'] }, status: 400 },
  ],
});
