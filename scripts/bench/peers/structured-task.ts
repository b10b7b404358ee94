/** A task whose answer is held to a schema, to compare with the same prompt answered freely. */
import { compileJsonSchema } from '../../../engine/grammar/index.ts';
import type { Grammar } from '../../../engine/grammar/index.ts';

export const STRUCTURED_TASK =
  'Write a list of people in a village as JSON: name, age, work and a sentence about each.';

export const STRUCTURED_SCHEMA = {
  type: 'array',
  minItems: 2,
  items: {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 24 },
      age: { type: 'integer', minimum: 1, maximum: 99 },
      work: { enum: ['baker', 'farmer', 'teacher', 'smith', 'none'] },
      about: { type: 'string', minLength: 40 },
    },
    required: ['name', 'age', 'work', 'about'],
    additionalProperties: false,
  },
};

export function structuredGrammar(): Grammar {
  return compileJsonSchema(STRUCTURED_SCHEMA);
}
