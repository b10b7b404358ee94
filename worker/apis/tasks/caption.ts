/** POST /v1/tasks/caption. */
import { GREY_PICTURE } from '../images/grey-picture.ts';
import { definePictureTask } from './picture-task.ts';

export const captionTask = definePictureTask({
  name: 'caption',
  summary: 'Describe a picture',
  description:
    'In the words of the model: of what it sees, where it has eyes, or of what programs find in the picture, which are then ' +
    'in "images".',
  fields: {},
  question: () => 'Describe the picture.',
  examples: [
    { title: 'No picture', body: {}, status: 400 },
    { title: 'An unknown model', body: { model: 'nothing', image: GREY_PICTURE }, status: 404 },
  ],
});
