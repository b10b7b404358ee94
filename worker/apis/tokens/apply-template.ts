/** POST /apply-template. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { z } from 'zod';
import { refuseTooLong } from '../../serving/generation/prompt-length.ts';
import { renderChatSteps } from '../../serving/generation/run-chat.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { chatTools } from '../../serving/output/api-tools.ts';
import { templateVariables } from '../../serving/fields/template.ts';
import { checkInputs } from '../../serving/conversation/message.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import { visionField } from '../../serving/vision/fields.ts';
import { describeChat } from '../chat/describe-chat.ts';
import { CHAT_PARTS, chatMessage, MAX_MESSAGES } from '../chat/schema.ts';
import { modelField, strictField } from '../../serving/fields/common.ts';
import { chatToolFields } from '../../serving/fields/output.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const applyTemplate = defineEndpoint({
  name: 'applyTemplate',
  method: 'POST',
  path: '/apply-template',
  tag: 'text',
  scope: 'chat',
  summary: 'Render messages as the prompt that the model sees',
  description:
    'Names of special tokens inside messages look special in "prompt", but are plain text in ' +
    '"tokens", which is what the model gets. Pictures become the words that a chat has in their place; of a model that sees, the markers between which they will stand.',
  takesPictures: true,
  body: z
    .looseObject({
      model: modelField,
      messages: z.array(chatMessage).min(1).max(MAX_MESSAGES),
      ...chatToolFields,
      add_generation_prompt: z.boolean().default(true),
      chat_template_kwargs: templateVariables.optional(),
      vision: visionField,
      strict: strictField,
    })
    .meta({ id: 'ApplyTemplateRequest' }),
  responses: [
    {
      status: 200,
      what: 'the prompt as text and as token ids',
      schema: z.strictObject({ prompt: z.string(), tokens: z.array(z.number().int()) }),
    },
  ],
  examples: [
    {
      title: 'The prompt of a conversation',
      body: { messages: [{ role: 'user', content: 'Hello!' }] },
    },
  ],
  async handle({ env, caller, body, request }) {
    const { messages } = await describeChat(env, caller, body, request.signal);
    const model = await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
    checkInputs(model.id, messages, CHAT_PARTS, senseNames(model));
    const rendering = renderChatSteps(model, messages, {
      addGenerationPrompt: body.add_generation_prompt,
      tools: chatTools(body)?.tools ?? [],
      variables: body.chat_template_kwargs ?? {},
    });
    const { text, sentinel } = await inTurns(rendering, takeTurn);
    refuseTooLong(model, text.length, 'messages');
    const steps = model.tokenizer.encodeTemplateSteps(text, sentinel);
    const tokens = await inTurns(steps, takeTurn);
    return Response.json({ prompt: text.replaceAll(sentinel, ''), tokens });
  },
});
