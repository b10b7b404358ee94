/** Fields of a transcription's form, under OpenAI's names, and the options they become. */
import { invalidField } from '../../../platform/invalid-field.ts';
import { z } from 'zod';
import type { RecognitionConfig } from '../../../../engine/manifest/recognition-config.ts';
import type { Tokenizer } from '../../../../engine/text/tokenizer.ts';
import { DEFAULT_TRANSCRIBE } from '../../../../engine/transcribe/types.ts';
import type { RecognitionTask, TranscribeOptions } from '../../../../engine/transcribe/types.ts';
import { checkBody } from '../../../http/body/json-body.ts';
import { findLanguage } from './languages.ts';

export const RESPONSE_FORMATS = ['json', 'text', 'srt', 'verbose_json', 'vtt'] as const;
export type ResponseFormat = (typeof RESPONSE_FORMATS)[number];

const MAX_PROMPT_CHARS = 4000;
const isTrue = z
  .enum(['true', 'false', '1', '0'])
  .transform((text) => text === 'true' || text === '1');
const whole = z
  .string()
  .regex(/^\d{1,9}$/, 'expected a whole number')
  .transform(Number);

/** Fields of the form. */
export const soundFieldsSchema = z
  .object({
    file: z.unknown().describe('the recording: WAV, FLAC, MP3, M4A, AAC, or Opus in Ogg or WebM'),
    model: z.string().min(1).max(200).optional(),
    language: z.string().min(2).max(40).optional().describe('a code (en) or a name (English)'),
    prompt: z.string().max(MAX_PROMPT_CHARS).optional(),
    response_format: z.enum(RESPONSE_FORMATS).default('json'),
    temperature: z
      .string()
      .regex(/^(0?\.\d+|0|1|[01]\.\d+)$/, 'expected a number from 0 to 1')
      .transform(Number)
      .pipe(z.number().max(1))
      .optional(),
    stream: isTrue.optional(),
    chunking_strategy: z.string().max(400).optional().describe('unused: chunking is automatic'),
    vad: z.enum(['auto', 'off']).default('auto').describe('extension: skip everything but speech'),
    seed: whole.optional().describe('extension: seed for temperatures above 0'),
  })
  .meta({ id: 'TranscriptionForm' });

const MAX_ITEM_CHARS = 200;

/** Without the file, which is read as it arrives. */
const textFieldsSchema = soundFieldsSchema.omit({ file: true });

export type SoundFields = z.output<typeof textFieldsSchema> & {
  readonly wantsWords: boolean;
  readonly wantsSegments: boolean;
  readonly wantsLogprobs: boolean;
  readonly languages: readonly string[];
  readonly keywords: readonly string[];
};

const GRANULARITIES: readonly string[] = ['word', 'segment'];
/** Fields that would change the answer and are not supported. */
const REFUSED: readonly string[] = ['known_speaker_names[]', 'known_speaker_references[]'];

/** @throws {EngineError} E_REQUEST_INVALID naming the field. */
export function readFields(fields: ReadonlyMap<string, readonly string[]>): SoundFields {
  const refused = REFUSED.find((name) => fields.has(name));
  if (refused !== undefined)
    throw invalidField(refused, 'is not supported yet; expected it to be absent', {
      details: { reason: 'unsupported_parameter' },
    });
  const single = Object.fromEntries([...fields].map(([name, values]) => [name, values.at(-1)]));
  const values = checkBody(single, textFieldsSchema);
  const asked = ['timestamp_granularities[]', 'timestamp_granularities'].flatMap(
    (name) => fields.get(name) ?? [],
  );
  const wrong = asked.find((name) => !GRANULARITIES.includes(name));
  if (wrong !== undefined)
    throw invalidField(
      'timestamp_granularities[]',
      `expected word or segment, got ${JSON.stringify(wrong.slice(0, 40))}`,
    );
  if (asked.length > 0 && values.response_format !== 'verbose_json')
    throw invalidField(
      'timestamp_granularities[]',
      `expected response_format verbose_json with it, got ${values.response_format}`,
    );
  const included = ['include[]', 'include'].flatMap((name) => fields.get(name) ?? []);
  const unknown = included.find((name) => name !== 'logprobs');
  if (unknown !== undefined)
    throw invalidField(
      'include[]',
      `expected logprobs, got ${JSON.stringify(unknown.slice(0, 40))}`,
    );
  if (included.length > 0 && values.response_format !== 'json')
    throw invalidField(
      'include[]',
      `expected response_format json with it, got ${values.response_format}`,
    );
  if (values.stream === true && ['srt', 'vtt'].includes(values.response_format))
    throw invalidField('stream', `expected false with response_format ${values.response_format}`);
  return {
    ...values,
    wantsWords: asked.includes('word'),
    wantsSegments: asked.length === 0 || asked.includes('segment'),
    wantsLogprobs: included.length > 0,
    languages: readList(fields, 'languages'),
    keywords: readList(fields, 'keywords'),
  };
}

function readList(
  fields: ReadonlyMap<string, readonly string[]>,
  name: 'languages' | 'keywords',
): string[] {
  const items = [`${name}[]`, name].flatMap((key) => fields.get(key) ?? []);
  const long = items.find((item) => item.trim() === '' || item.length > MAX_ITEM_CHARS);
  if (long !== undefined)
    throw invalidField(
      name,
      `expected 1 to ${MAX_ITEM_CHARS} characters each, got ${JSON.stringify(long.slice(0, 40))}`,
    );
  return items;
}

/** @throws {EngineError} E_REQUEST_INVALID for a language or task that the model does not know. */
export function optionsOf(
  fields: Pick<SoundFields, 'language' | 'prompt' | 'temperature' | 'seed' | 'wantsWords'> &
    Partial<Pick<SoundFields, 'wantsLogprobs' | 'languages' | 'keywords'>>,
  task: RecognitionTask,
  config: RecognitionConfig,
  tokenizer: Tokenizer,
): TranscribeOptions {
  if (task === 'translate' && !config.isMultilingual)
    throw invalidField('model', 'knows English alone; expected a multilingual one to translate');
  const { language, languages = [], temperature = 0, seed = 0 } = fields;
  const { wantsWords, wantsLogprobs = false } = fields;
  if (language !== undefined && languages.length > 0)
    throw invalidField('languages', 'expected it to be absent where "language" is given');
  // As in the reference implementation: a space before the prompt, as before any word.
  const text = [fields.prompt?.trim() ?? '', (fields.keywords ?? []).join(', ')].join(' ').trim();
  return {
    ...DEFAULT_TRANSCRIBE,
    task,
    language: language === undefined ? null : findLanguage(language, config),
    languages:
      languages.length === 0
        ? null
        : languages.map((one) => findLanguage(one, config, 'languages')),
    promptTokens: text === '' ? [] : tokenizer.encode(` ${text}`, { special: false, bos: false }),
    temperatures:
      temperature === 0 ? DEFAULT_TRANSCRIBE.temperatures : temperaturesFrom(temperature),
    // What aligns words finds the probabilities, too.
    withWords: wantsWords || wantsLogprobs,
    seed,
  };
}

/** From `first` to 1 in steps of 0.2. */
function temperaturesFrom(first: number): number[] {
  const steps = Array.from({ length: 6 }, (_, i) => first + 0.2 * i).filter((t) => t <= 1);
  return steps.map((t) => Math.round(t * 1000) / 1000);
}
