/** POST /v1/tasks/extract. */
import { extract } from '../../serving/tasks/extract.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const text = 'Ada Marsh, 34, moved to Leeds in May.';
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 30 },
    age: { type: ['integer', 'null'] },
    cities: { type: 'array', items: { type: 'string', maxLength: 20 }, maxItems: 3 },
  },
  required: ['name', 'age', 'cities'],
  additionalProperties: false,
};

export const extractTask = defineTaskEndpoint({
  task: extract,
  summary: 'Extract data from a text as JSON of a schema',
  description:
    'The data always matches the schema. Each piece of a long text gives data; objects are merged ' +
    'by member, arrays are joined without duplicates, and of other values the first stays.',
  examples: [
    { title: 'A person', body: { text, schema, max_tokens: 100 } },
    {
      title: 'A schema that cannot be honoured',
      body: { text, schema: { type: 'string', format: 'colour' } },
      status: 400,
    },
  ],
});
