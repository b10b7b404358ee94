/** POST /v1/decisions. */
import { decide } from '../../serving/tasks/decide.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const text = 'The room was cold, and nobody answered when we rang for towels.';

export const decideTask = defineTaskEndpoint({
  task: decide,
  path: '/v1/decisions',
  summary: 'Decide questions about a text, with probabilities and without a text',
  description:
    'Generates nothing: predicates (yes or no), choices and scores by the log-probabilities of their answers, calibrated ' +
    'by texts without content. Many questions share one reading of the text; the order of options changes nothing.',
  examples: [
    {
      title: 'Three kinds of questions',
      body: {
        text,
        questions: [
          { id: 'unhappy', type: 'predicate', question: 'Is the guest unhappy?' },
          { type: 'choice', question: 'What is it about?', options: ['a hotel', 'a shop'] },
          { type: 'score', question: 'How many stars from 1 to 5?', min: 1, max: 5 },
        ],
      },
    },
    {
      title: 'An option twice',
      body: {
        text,
        questions: [{ type: 'choice', question: 'Which?', options: ['a', 'a'] }],
      },
      status: 400,
    },
  ],
});
