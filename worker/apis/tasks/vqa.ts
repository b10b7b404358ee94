/** POST /v1/tasks/vqa: visual question answering. */
import { GREY_PICTURE } from '../images/grey-picture.ts';
import { MAX_INSTRUCTION_CHARS, someText } from '../../serving/tasks/fields.ts';
import { definePictureTask } from './picture-task.ts';

export const vqaTask = definePictureTask({
  name: 'vqa',
  summary: 'Answer a question about a picture',
  description:
    'By a model that sees, where it has eyes, or that reads what programs find in the picture, which is then in "images".',
  fields: { question: someText(MAX_INSTRUCTION_CHARS) },
  question: ({ question }) => question,
  examples: [
    { title: 'No question', body: { image: GREY_PICTURE }, status: 400 },
    {
      title: 'An unknown model',
      body: { model: 'nothing', image: GREY_PICTURE, question: 'What is this?' },
      status: 404,
    },
  ],
});
