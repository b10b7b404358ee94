/** POST /v1/tasks/answer. */
import { answer } from '../../serving/tasks/answer.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const question = 'How tall is the tower?';
const passages = [
  'The tower stands in Paris. It is 330 metres tall.',
  'The recipe needs two eggs and a cup of flour.',
];

export const answerTask = defineTaskEndpoint({
  task: answer,
  summary: 'Answer a question from given passages, with quotations',
  description:
    'Quotations are sentences of the passages, with their positions: those that make the question most ' +
    'likely. The answer is written from them only; if no sentence helps, "found" is false.',
  examples: [
    { title: 'An answer with its source', body: { question, passages, max_tokens: 24 } },
    { title: 'No passages', body: { question, passages: [] }, status: 400 },
  ],
});
