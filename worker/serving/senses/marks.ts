/**
 * Where segments stand in a conversation that goes through a chat template. A template sees texts alone: each part of
 * another sense is one character there that no text has, and becomes the markers of its segment afterwards, when
 * users' own texts cannot become special tokens any more. Templates that know parts write the marker themselves.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import type { GivenPrompt } from '../../../engine/generate/prompt.ts';
import { SENSE_NAMES, type SenseName } from '../../../engine/manifest/modalities.ts';
import { chooseSentinel } from '../../../engine/text/sentinel.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { contentText, isMedia, type Message } from '../conversation/message.ts';
import type { Sense, Senses } from './senses.ts';

/** What stands in the place of a part's markers. */
export type Segments = GivenPrompt;

/** Of the senses that a conversation has parts of; a mark that is in no text could be taken by something else. */
export type Marks = Readonly<Partial<Record<SenseName, string>>>;

/** @throws {EngineError} E_REQUEST_INVALID when the texts use every noncharacter there is */
export function chooseMarks(messages: readonly Message[]): Marks {
  const texts = messages.map(({ content }) => contentText(content));
  const used = new Set(
    messages.flatMap(({ content }) => content.filter(isMedia).map(({ type }) => type)),
  );
  const marks: Partial<Record<SenseName, string>> = {};
  for (const sense of used) {
    const mark = chooseSentinel(texts);
    texts.push(mark);
    marks[sense] = mark;
  }
  return marks;
}

/** A rendered text with the markers of segments in the place of marks. */
export function withMarkers(
  text: string,
  marks: Marks,
  senses: Senses,
  tokenizer: Tokenizer,
): string {
  return SENSE_NAMES.reduce((marked, name) => {
    const [mark, sense] = [marks[name], senses[name]];
    if (mark === undefined || sense === undefined) return marked;
    return marked.replaceAll(mark, sense.markers.map((id) => tokenizer.literalOf(id)).join(''));
  }, text);
}

/**
 * The prompt of a conversation's ids, with segments in the place of their markers.
 * @param media of each part, in the order of the parts
 * @throws {EngineError} E_TEMPLATE for a template that left parts out or repeated them
 */
export function withSegments(
  ids: readonly number[],
  media: readonly Segments[],
  senses: Senses,
): GivenPrompt {
  const prompt: GivenPrompt[number][] = [];
  const markers = Object.values(senses).map((sense) => sense.markers);
  let text: number[] = [];
  let next = 0;
  for (let i = 0; i < ids.length;) {
    const found = markers.find((one) => one.every((id, k) => ids[i + k] === id));
    if (found === undefined) {
      text.push(ids[i++]!);
      continue;
    }
    const segments = media[next++];
    if (segments === undefined) throw misplaced(media.length);
    for (const segment of segments) {
      if (segment.kind === 'tokens') text.push(...segment.ids);
      else {
        if (text.length > 0) prompt.push({ kind: 'tokens', ids: text });
        prompt.push(segment);
        text = [];
      }
    }
    i += found.length;
  }
  if (next !== media.length) throw misplaced(media.length);
  return text.length === 0 ? prompt : [...prompt, { kind: 'tokens', ids: text }];
}

/** A segment between the two markers of its sense. */
export function between({ markers }: Pick<Sense, 'markers'>, segment: Segments[number]): Segments {
  const tokens = (ids: readonly number[]) => ({ kind: 'tokens', ids }) as const;
  return [tokens(markers.slice(0, 1)), segment, tokens(markers.slice(1))];
}

/** Positions that the media of messages take at most, beside their markers. */
export function mediaPositions(messages: readonly Message[], senses: Senses): number {
  const parts = messages.flatMap(({ content }) => content.filter(isMedia));
  return parts.reduce((sum, { type, detail }) => {
    const { nPosition = 0, nWhole = nPosition } = senses[type] ?? {};
    return sum + (detail === 'low' ? nWhole : nPosition);
  }, 0);
}

function misplaced(n: number): EngineError {
  return new EngineError(
    'E_TEMPLATE',
    `chat template: does not show each of ${n} pictures and sounds once. Send fewer of them, or another order.`,
  );
}
