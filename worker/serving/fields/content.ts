/** Content parts of OpenAI's chat messages, as parts of a conversation. */
import { z } from 'zod';
import type { ContentPart } from '../conversation/message.ts';

/** A URL; its length is limited by the size of the body. */
const url = z.string();

export const DETAILS = ['auto', 'low', 'high'] as const;
/** How closely a picture is looked at: "low" takes less of the context. */
export const detailField = z.enum(DETAILS).nullish();
type Detail = z.output<typeof detailField>;

const textPart = z.object({ type: z.literal('text'), text: z.string() });
const imagePart = z
  .looseObject({
    type: z.literal('image_url'),
    image_url: z.looseObject({ url, detail: detailField }),
  })
  .transform(({ type, image_url: { url, detail } }) => picturePart(url, type, detail));
const audioPart = z
  .looseObject({
    type: z.literal('input_audio'),
    input_audio: z.looseObject({ data: z.string(), format: z.string().max(20) }),
  })
  .transform(({ type, input_audio }) => soundPart(input_audio, type));

export function picturePart(url: string | null, given: string, detail: Detail): ContentPart {
  return { type: 'image', url, given, ...(detail === 'low' ? { detail } : {}) };
}

/** A sound that was sent in base64. */
export function soundPart(
  { data, format }: { readonly data: string; readonly format: string },
  given: string,
): ContentPart {
  return { type: 'audio', url: `data:audio/${format};base64,${data}`, given };
}

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
