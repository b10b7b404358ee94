/**
 * Where segments stand in a conversation that goes through a chat template. A template sees texts alone: each part of
 * another sense is one character there that no text has, and becomes the two markers of its segment afterwards, when
 * users' own texts cannot become special tokens any more.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import type {
  GivenPrompt,
  PromptSegment,
  VectorsSegment,
} from '../../../engine/generate/prompt.ts';
import { SENSE_NAMES, type SenseName } from '../../../engine/manifest/modalities.ts';
import { chooseSentinel } from '../../../engine/text/sentinel.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { contentText, isMedia, type Message } from '../conversation/message.ts';
import type { Senses } from './senses.ts';

/** What stands between two markers. */
export type Segment = VectorsSegment | Extract<PromptSegment, { kind: 'rows' }>;

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
    const { beginId, endId } = sense;
    return marked.replaceAll(mark, tokenizer.literalOf(beginId) + tokenizer.literalOf(endId));
  }, text);
}

/**
 * The prompt of a conversation's ids, its segments between their markers.
 * @throws {EngineError} E_TEMPLATE for a template that left parts out or repeated them
 */
export function withSegments(
  ids: readonly number[],
  segments: readonly Segment[],
  senses: Senses,
): GivenPrompt {
  const prompt: GivenPrompt[number][] = [];
  const pairs = Object.values(senses);
  let from = 0;
  let next = 0;
  for (let i = 0; i + 1 < ids.length; i++) {
    const isPair = pairs.some(({ beginId, endId }) => beginId === ids[i] && endId === ids[i + 1]);
    const segment = segments[next];
    if (!isPair) continue;
    if (segment === undefined) throw misplaced(segments.length);
    prompt.push({ kind: 'tokens', ids: ids.slice(from, i + 1) }, segment);
    from = i + 1;
    next++;
  }
  if (next !== segments.length) throw misplaced(segments.length);
  return [...prompt, { kind: 'tokens', ids: ids.slice(from) }];
}

/** Positions that the media of messages take at most, beside their markers. */
export function mediaPositions(messages: readonly Message[], senses: Senses): number {
  const parts = messages.flatMap(({ content }) => content.filter(isMedia));
  return parts.reduce((sum, { type }) => sum + (senses[type]?.nPosition ?? 0), 0);
}

function misplaced(n: number): EngineError {
  return new EngineError(
    'E_TEMPLATE',
    `chat template: does not show each of ${n} pictures and sounds once. Send fewer of them, or another order.`,
  );
}
