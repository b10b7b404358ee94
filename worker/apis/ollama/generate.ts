/** POST /api/generate, in Ollama's shape. */
import { answer } from '../../http/answer.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { checkInputs, contentText, textMessage } from '../../serving/conversation/message.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { runChat } from '../../serving/generation/run-chat.ts';
import { runText } from '../../serving/generation/run-text.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import { describeConversation, describeInOrder } from '../../serving/vision/describe-messages.ts';
import { contentOf, IMAGES } from './conversation.ts';
import { formatOf } from './format.ts';
import { idOf } from './names.ts';
import { generationOptions } from './options.ts';
import { generateAnswerSchema, generateBodySchema } from './schema.ts';
import { generateLines, loaded, OLLAMA_LINES, wholeGenerate } from './shape.ts';

const options = { num_predict: 24 };
const REFUSED = ['suffix', 'template', 'context'].map((name) => ({ name }));

export const ollamaGenerate = defineEndpoint({
  name: 'ollamaGenerate',
  method: 'POST',
  path: '/api/generate',
  tag: 'ollama',
  scope: 'chat',
  summary: 'Answer a prompt',
  description:
    'Like Ollama\'s endpoint. The prompt goes through the model\'s template unless "raw" is true. Streamed as lines of ' +
    'JSON unless "stream" is false.',
  body: generateBodySchema,
  takesPictures: true,
  refused: REFUSED,
  errors: 'ollama',
  responses: [
    {
      status: 200,
      what: 'the answer; lines of JSON unless "stream" is false',
      schema: generateAnswerSchema,
    },
  ],
  examples: [
    { title: 'A whole answer', body: { prompt: 'Why is the sky blue?', stream: false, options } },
    { title: 'A text to continue', body: { prompt: 'Once', raw: true, stream: false, options } },
  ],
  async handle({ env, caller, body, request, record }) {
    const name = body.model === undefined ? await defaultModelId(env) : idOf(body.model);
    const model = await findModel(env.MODELS, name, caller);
    if (body.prompt === '') return Response.json({ ...loaded(model.id), response: '' });
    const { fields, maxTokens } = generationOptions(body.options);
    const format = formatOf(body.format);
    const params = await generationParams(fields, { maxTokens, topLogprobs: null, format }, model);
    const plan = { env, caller, model, params, promptField: 'prompt' };
    const system = body.system === undefined ? [] : [textMessage('system', body.system)];
    const question = { role: 'user', content: contentOf(body.images, body.prompt) };
    const { vision } = body;
    const names = { ...IMAGES, path: (_message: number, part: number) => `images[${part}]` };
    const pictures = { env, caller, model, vision, names, signal: request.signal };
    // A text that is continued as it is has no place for pictures.
    const describe = body.raw ? describeInOrder : describeConversation;
    const { messages: described } = await describe(pictures, [question]);
    checkInputs(model.id, described, names, senseNames(model));
    const text = described.map(({ content }) => contentText(content)).join('');
    const messages = [...system, ...described];
    return await answer({
      ...{ modelId: model.id, signal: request.signal, record },
      ...{ stream: body.stream, sse: OLLAMA_LINES },
      run: (signal, onWaiting) =>
        body.raw
          ? runText({ ...plan, text, special: true, signal, onWaiting })
          : runChat({ ...plan, messages, signal, onWaiting }),
      chunks: (deltas) => generateLines(model.id, deltas),
      whole: (deltas) => wholeGenerate(model.id, deltas),
    });
  },
});
