/** Content parts of OpenAI's chat messages, as parts of a conversation. */
import { z } from 'zod';
import type { ContentPart } from '../conversation/message.ts';

/** A URL; its length is limited by the size of the body. */
const url = z.string();

const textPart = z.object({ type: z.literal('text'), text: z.string() });
const imagePart = z
  .looseObject({ type: z.literal('image_url'), image_url: z.looseObject({ url }) })
  .transform(({ type, image_url }): ContentPart => ({
    type: 'image',
    url: image_url.url,
    given: type,
  }));
const audioPart = z
  .looseObject({
    type: z.literal('input_audio'),
    input_audio: z.looseObject({ data: z.string(), format: z.string().max(20) }),
  })
  .transform(({ type, input_audio: { data, format } }): ContentPart => ({
    ...{ type: 'audio', given: type },
    url: `data:audio/${format};base64,${data}`,
  }));

const EXPECTED = 'expected {"type": "text", "text": "..."}';

export const chatPart = z.discriminatedUnion('type', [textPart, imagePart, audioPart], {
  error: ({ input }) => {
    const type = (input as { type?: unknown } | undefined)?.type;
    return typeof type === 'string'
      ? `content parts of type ${JSON.stringify(type.slice(0, 40))} are not supported yet; ${EXPECTED}`
      : EXPECTED;
  },
});

/** A text or a list of parts, as a list of parts. */
export const chatContent = z
  .union([z.string(), z.array(chatPart).min(1)], 'expected a text or an array of text parts')
  .transform((content): readonly ContentPart[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  );

/** Text parts only, for tools and system prompts. */
export const textPartSchema = textPart;
