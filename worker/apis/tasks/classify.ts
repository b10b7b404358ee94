/** POST /v1/tasks/classify. */
import { classify } from '../../serving/tasks/classify.ts';
import {
  classifyPicture,
  type PictureClassification,
} from '../../serving/tasks/classify-picture.ts';
import { GREY_PICTURE } from '../images/grey-picture.ts';
import { defineTaskEndpoint } from './task-endpoint.ts';

const text = 'What a lovely day at the sea!';
const labels = ['a street', 'an animal'];

export const classifyTask = defineTaskEndpoint({
  task: classify,
  summary: 'Classify a text or a picture by labels',
  description:
    'Generates nothing: the probability of each label follows from the log-probability of its tokens as ' +
    'the answer, calibrated by the answers to texts without content; of a picture from the cosines of its vector with those ' +
    'of the labels (docs/vision.md).',
  ofPicture: async ({ env, caller, fields, record, signal }) =>
    await classifyPicture(env, caller, fields as unknown as PictureClassification, {
      signal,
      onUsage: (modelId, usage) => record.addUsage(modelId, usage),
    }),
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
    {
      title: 'A picture and an unknown model',
      body: { model: 'nothing', image: GREY_PICTURE, labels },
      status: 404,
    },
    { title: 'A label twice', body: { text, labels: ['a', 'a'] }, status: 400 },
  ],
});
