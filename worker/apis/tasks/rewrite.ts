/** POST /v1/tasks/rewrite. */
import { rewrite } from '../../serving/tasks/rewrite.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const text = 'send me the report now';

export const rewriteTask = defineTaskEndpoint({
  task: rewrite,
  summary: 'Rewrite a text',
  description: 'By an instruction, a tone, or both. Long texts are rewritten piece by piece.',
  examples: [
    { title: 'In a tone', body: { text, tone: 'polite', max_tokens: 24 } },
    { title: 'By an instruction', body: { text, instruction: 'Use capitals.', max_tokens: 24 } },
    { title: 'Neither', body: { text }, status: 400 },
  ],
});
