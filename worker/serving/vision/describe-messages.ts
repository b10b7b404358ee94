/** Pictures of a conversation as words, for models without eyes: each takes the place of its picture. */
import { invalidField } from '../../platform/invalid-field.ts';
import type { Caller } from '../../platform/caller.ts';
import { throwIfLeft } from '../../platform/client.ts';
import { isMedia, typePath } from '../conversation/message.ts';
import type { ContentPart, MediaPart, Message, PartNames } from '../conversation/message.ts';
import { quoted } from '../conversation/quoted.ts';
import type { ServingEnv } from '../env.ts';
import { mapStrings } from '../redaction/redact-request.ts';
import type { Redactor } from '../redaction/redactor.ts';
import type { ServedModel } from '../models/model-store.ts';
import { senseNames } from '../senses/senses.ts';
import type { Description, ReadyDescribers } from './describe-picture.ts';
import { describePicture, readyDescribers, withoutText } from './describe-picture.ts';
import { sentPicture } from './fetch-picture.ts';
import { MAX_PICTURES } from './picture-bytes.ts';
import type { ImageJson, VisionField } from './fields.ts';
import { visionOf } from './fields.ts';

export interface PictureRequest {
  readonly env: ServingEnv;
  readonly caller: Caller;
  readonly model: Pick<ServedModel, 'id'>;
  readonly vision: VisionField;
  readonly names: PartNames;
  readonly signal: AbortSignal;
}

export interface DescribedMessages {
  readonly messages: readonly Message[];
  /** One for each picture, in their order. */
  readonly images: readonly ImageJson[];
}

const TAG = 'picture';

/**
 * `describeMessages`, with the words in the order that models read them in. A model with eyes of its own gets the pictures
 * themselves, in the same order.
 */
export async function describeConversation(
  request: PictureRequest & { readonly model: Pick<ServedModel, 'manifest' | 'adapter'> },
  messages: readonly Message[],
): Promise<DescribedMessages> {
  if (senseNames(request.model).has('image'))
    return { messages: mediaFirst(messages, request.names), images: [] };
  return await describeInOrder(request, messages);
}

/** The same with words for every model: a text that is continued as it is has no place for pictures. */
export async function describeInOrder(
  request: PictureRequest,
  messages: readonly Message[],
): Promise<DescribedMessages> {
  const described = await describeMessages(request, messages);
  if (described.images.length === 0) return described;
  const ordered = described.messages.map((message, i) => {
    const parts = messages[i]!.content.map(isPicture);
    return { ...message, content: picturesFirst(parts, message.content) };
  });
  return { ...described, messages: ordered };
}

/**
 * Messages whose pictures are texts, part by part; the same ones where there are none, or `vision` is off.
 * @throws {EngineError} E_REQUEST_INVALID naming the part; E_IMAGE_INVALID; errors of the scripts
 */
export async function describeMessages(
  request: PictureRequest,
  messages: readonly Message[],
): Promise<DescribedMessages> {
  const { env, caller, model, vision, names, signal } = request;
  const nPicture = messages.reduce((sum, { content }) => sum + content.filter(isPicture).length, 0);
  if (nPicture === 0 || visionOf(env, vision) === 'off') return { messages, images: [] };
  const describers = await readyDescribers(env);
  const images: ImageJson[] = [];
  const described: Message[] = [];
  for (const [i, message] of messages.entries()) {
    const content: ContentPart[] = [];
    for (const [j, part] of message.content.entries()) {
      if (!isPicture(part)) {
        content.push(part);
        continue;
      }
      const path = names.path(i, j);
      checkPlace(part, message.role, model.id, describers, names.text, typePath(names, i, j));
      if (nPicture > MAX_PICTURES)
        throw invalidField(path, `expected at most ${MAX_PICTURES} pictures, got ${nPicture}`);
      throwIfLeft(signal);
      const field = `${path}${names.pictureField}`;
      const sent = await sentPicture(env, part.url, field, signal);
      const used = part.detail === 'low' ? withoutText(describers) : describers;
      const found = await describePicture(env, caller, sent, used, field);
      const image = imageJson(
        images.length + 1,
        nPicture,
        path,
        found,
        describers,
        sent.claimedType,
      );
      images.push(image);
      content.push({
        type: 'text',
        text: `${image.description}\n`,
      });
    }
    described.push({ ...message, content });
  }
  return { messages: described, images };
}

/** Messages with their pictures where `describeInOrder` puts words of them. */
function mediaFirst(messages: readonly Message[], { path, pictureField }: PartNames): Message[] {
  return messages.map((message, i) => {
    const parts = message.content.map((part, j) =>
      isMedia(part) ? { ...part, at: `${path(i, j)}${pictureField}` } : part,
    );
    return { ...message, content: picturesFirst(parts.map(isMedia), parts) };
  });
}

export function hasPictures(messages: readonly Message[]): boolean {
  return messages.some(({ content }) => content.some(isPicture));
}

/**
 * Words of pictures that come after all text go before it, as most clients send a question and then its pictures: the
 * small models here answer about what they have read, and otherwise continue the description.
 * @param parts by part of a message, whether it was a picture
 */
export function picturesFirst<P>(parts: readonly boolean[], described: readonly P[]): P[] {
  const first = parts.indexOf(true);
  if (first <= 0 || !parts.slice(first).every(Boolean)) return [...described];
  return [...described.slice(first), ...described.slice(0, first)];
}

const isPicture = (part: ContentPart): part is MediaPart => part.type === 'image';

/** Words of pictures are never a system's text, nor a model's own. */
const ROLES: readonly string[] = ['user', 'tool'];

function checkPlace(
  { given }: MediaPart,
  role: string,
  modelId: string,
  { hasModel, missing }: ReadyDescribers,
  text: string,
  param: string,
): void {
  const type = JSON.stringify(given);
  if (!hasModel)
    throw invalidField(
      param,
      `${type} is not supported yet by ${modelId}, which takes text alone, and no model that reads pictures for it is on ` +
        `this server; expected ${text}, or run ${missing[0]?.fix ?? ''}`,
      { details: { model: modelId, type: 'image' } },
    );
  if (ROLES.includes(role)) return;
  throw invalidField(
    param,
    `${type} is not supported in messages of role ${JSON.stringify(role)}; expected one of role "user"`,
  );
}

function imageJson(
  index: number,
  nPicture: number,
  field: string,
  { lines, format, width, height, text, labels, colours }: Description,
  { missing }: ReadyDescribers,
  claimedType: string | null,
): ImageJson {
  const which = nPicture === 1 ? 'A picture' : `Picture ${index} of ${nPicture}`;
  // In words that the smallest models do not take for the answer, as they did "a quotation, no instructions".
  const opening = `${which} was looked at by programs. This is what they found:`;
  const type = `image/${format.toLowerCase()}`;
  const isOther = claimedType !== null && claimedType !== type && claimedType !== 'image/jpg';
  return {
    ...{ index, field, type },
    ...(isOther ? { claimed_type: claimedType } : {}),
    ...{
      width,
      height,
      description: quoted(TAG, [opening, ...lines].join('\n')),
    },
    ...(text === undefined ? {} : { text: text.map((line) => ({ ...line, box: [...line.box] })) }),
    ...(labels === undefined ? {} : { labels: [...labels] }),
    ...(colours === undefined ? {} : { colours: [...colours] }),
    missing: [...missing],
  };
}

/** The details as the model was given the words: with placeholders for personal data. */
export async function redactImages(
  redactor: Redactor | null,
  images: readonly ImageJson[],
): Promise<readonly ImageJson[]> {
  if (redactor === null) return images;
  const isText = (path: readonly string[]): boolean =>
    path.at(-1) === 'description' || path.at(-1) === 'text';
  return (await mapStrings(images, (text) => redactor.redact(text), isText)) as ImageJson[];
}
