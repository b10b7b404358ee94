/**
 * Pictures of a conversation that is kept, for models that see them again with every turn: in the conversation itself, small
 * enough for a row of its storage. The first turn sees what is kept, too, so that later ones find its rows in the cache.
 */
import { toBase64 } from '../../../engine/base/base64.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { ask } from '../../platform/rpc.ts';
import type { ContentPart, MediaPart, Message } from '../conversation/message.ts';
import { named } from '../senses/named.ts';
import type { PictureRequest } from './describe-messages.ts';
import { sentPicture } from './fetch-picture.ts';
import { MAX_PICTURES } from './picture-bytes.ts';

/** Characters of data: URLs in one message: its texts are in the same row of 2 MB. */
const MESSAGE_CHARS = 1_500_000;
/** Of "data:image/jpeg;base64,", and more than it. */
const HEAD_CHARS = 64;

type Keeping = Pick<PictureRequest, 'env' | 'caller' | 'names' | 'signal'>;

/** @throws {EngineError} E_REQUEST_INVALID, E_IMAGE_INVALID naming the part; errors of the scripts */
export async function keepPictures(
  keeping: Keeping,
  messages: readonly Message[],
): Promise<Message[]> {
  const { path, pictureField } = keeping.names;
  const kept: Message[] = [];
  let nPicture = 0;
  for (const [i, message] of messages.entries()) {
    const nHere = message.content.filter(({ type }) => type === 'image').length;
    const content: ContentPart[] = [];
    for (const [j, part] of message.content.entries()) {
      const field = `${path(i, j)}${pictureField}`;
      if (part.type === 'image' && ++nPicture > MAX_PICTURES)
        throw invalidField(field, `expected at most ${MAX_PICTURES} pictures`);
      content.push(
        part.type === 'image'
          ? await keepPicture(keeping, part, field, Math.floor(MESSAGE_CHARS / nHere))
          : part,
      );
    }
    kept.push({ ...message, content });
  }
  return kept;
}

async function keepPicture(
  { env, caller, signal }: Keeping,
  part: MediaPart,
  field: string,
  maxChars: number,
): Promise<MediaPart> {
  const { bytes, claimedType } = await sentPicture(env, part.url, field, signal);
  // Three bytes are four characters.
  const maxBytes = Math.floor((maxChars - HEAD_CHARS) / 4) * 3;
  if (bytes.length <= maxBytes && !hasMetadata(bytes))
    return { ...part, url: `data:${claimedType ?? ''};base64,${toBase64(bytes)}` };
  const { requestId } = caller;
  const jpeg = await named(field, () =>
    ask<Uint8Array>('documents', () => env.DOCUMENTS.shrinkPicture({ requestId }, bytes, maxBytes)),
  );
  return { ...part, url: `data:image/jpeg;base64,${toBase64(jpeg)}` };
}

/** Exif and XMP say where a picture was taken: it is written again without them, turned as they say. */
function hasMetadata(bytes: Uint8Array): boolean {
  return /exif|ns\.adobe\.com\/xap|xml:com\.adobe\.xmp|XMP /i.test(
    new TextDecoder('latin1').decode(bytes),
  );
}
