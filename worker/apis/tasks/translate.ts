/** POST /v1/tasks/translate. */
import { translate } from '../../serving/tasks/translate.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

export const translateTask = defineTaskEndpoint({
  task: translate,
  summary: 'Translate a text, keeping its layout',
  description:
    'Translates line by line, long lines by sentences. Line breaks, list marks, headings and code stay as they are.',
  examples: [
    {
      title: 'To French',
      body: { text: 'Good morning.\n\n- Bread\n- Milk', target: 'French', max_tokens: 20 },
    },
    { title: 'No target', body: { text: 'Good morning.' }, status: 400 },
  ],
});
