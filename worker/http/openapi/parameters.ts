/**
 * What each field of the request bodies is, in words: for /openapi.json, /docs and docs/http.md.
 * A name means the same wherever it stands; tests/http/openapi.test.ts finds fields without a row.
 */
import type { z } from 'zod';
import { generationFields, passiveFields } from '../../serving/fields/common.ts';

export interface ParameterRow {
  readonly what: string;
  /** Not a parameter of the API whose endpoint takes it. */
  readonly isExtension?: true;
}

const row = (what: string): ParameterRow => ({ what });
const extension = (what: string): ParameterRow => ({ what, isExtension: true });

export const PARAMETERS: Readonly<Record<string, ParameterRow>> = {
  add_generation_prompt: row('end where the answer begins'),
  add_special: row('begin with the BOS token when the model wants one'),
  background: row('answer at once; the response is made meanwhile and can be read by its id'),
  best_of: row('candidates made, of which the n with the highest mean log-probability are told'),
  chunk_tokens: row('tokens of a passage at most, 16 to 512; 128 by default'),
  completion_window: row('"24h": what has not run by then is told as expired'),
  calibrate: row('divide by what the model answers to texts that say nothing; true by default'),
  dimensions: row('values a vector is cut to; its length is made one again'),
  documents: row(
    'texts or objects with a "text"; of collections 1 to 256 of {"id", "content", "content_type", "metadata"}',
  ),
  dry_allowed_length: extension('longest repetition that DRY leaves alone; 2 by default'),
  dry_base: extension('how fast its penalty grows with the repetition; 1.75 by default'),
  dry_multiplier: extension('DRY against repeated sequences; 0 is off'),
  dry_penalty_last_n: extension('tokens it looks back at; -1 all, 0 none'),
  dry_sequence_breakers: extension('up to 16 texts that repetitions do not reach over'),
  echo: row('the prompt in front, with its log-probabilities if asked for'),
  encoding_format: row('"float", or "base64" of little-endian float32'),
  encoding: row('"json" or "base64": how the data of outputs comes back'),
  endpoint: row('the address that every line of the file asks'),
  filter: row('metadata fields and their values, or conditions: eq, ne, in, gt, gte, lt, lte'),
  frequency_penalty: row('-2 to 2, for each time a token came in the answer'),
  grammar: extension('GBNF that the answer is held to'),
  graph: row("which of the model's graphs; main by default"),
  image: row('a data: URL of a PNG or JPEG'),
  ignore_eos: extension('on to max_tokens, whatever the model would end at'),
  include: row('"message.output_text.logprobs" adds log-probabilities'),
  input: row('a text, or a list of messages, calls and outputs of calls; texts or ids to embed'),
  input_type: extension('"query" or "document": puts what the model was trained to see before it'),
  input_file_id: row('a file of /v1/files, a request a line'),
  inputs: row('the graph\'s inputs by name, each {"dtype", "shape", "data"}'),
  instruction: row('what to do, in words of your own'),
  instructions: row('a system message in front, of this response only'),
  labels: row('2 to 64 labels, or objects of a label and its description'),
  length: row('"short", "medium" or "long": 40, 100 or 250 words'),
  logit_bias: row('token ids to numbers from -100 to 100 that are added to their logits'),
  logprobs: row("log-probabilities of the model's own distribution; plain completions: how many"),
  max_completion_tokens: row('the newer name of max_tokens'),
  max_output_tokens: row('tokens of the answer; what the context leaves by default'),
  max_quotes: row('sentences that the answer may be taken from, 1 to 5; 1 by default'),
  max_tokens: row('tokens of the answer; what the context leaves by default, completions 16'),
  messages: row('the conversation; contents are texts or text parts, calls and their answers'),
  metadata: row('kept with a stored response, else nothing'),
  max_words: row('words of the summary at most; instead of length'),
  min_gain: row(
    'nats a token by which a sentence has to make the question likelier; 0.75 by default',
  ),
  min_p: extension('drop tokens less likely than this share of the likeliest; 0 keeps all'),
  mirostat: extension('2 aims at a surprise instead of narrowing; 0 is off'),
  mirostat_eta: extension('how fast Mirostat learns; 0.1 by default'),
  mirostat_tau: extension('the surprise aimed at, in bits; 5 by default'),
  mode: row('"hybrid", "vector" or "text"'),
  name: row('1 to 63 lower-case letters, digits, "-" or "_"'),
  model: row("an id of /v1/models; the server's default model when absent"),
  multi_label: row('each label for itself, with a probability of its own'),
  n: row('answers to the prompt, 1 to 8; answer i has the seed plus i'),
  output_config: row('{"format"}: a JSON Schema that the answer is held to'),
  parallel_tool_calls: row('false: at most one call an answer; up to 8 by default'),
  parse_special: extension('special-token texts become special tokens'),
  passages: row('texts that the answer has to come from'),
  presence_penalty: row('-2 to 2, once for each token that came in the answer'),
  previous_response_id: row('the stored response whose conversation goes on'),
  prompt: row('a text, token ids, or an array of either'),
  prompt_cache_key: row('caches are found by their tokens'),
  prompt_cache_retention: row('caches are kept while there is room'),
  query: row('what is looked for'),
  regex: extension('pattern that the whole answer is held to'),
  question: row('one line'),
  repetition_penalty: extension('above 0, over prompt and answer; 1 changes nothing'),
  retrieval: extension(
    '{"collection", "top_k", "mode", "filter", "query"}: passages the answer is to come from',
  ),
  return_documents: row('texts beside their scores'),
  response_format: row('text, any JSON object, or a JSON Schema that the answer is held to'),
  safety_identifier: row('not used'),
  samples: row('base64 of little-endian float32 samples, mono at 16 kHz'),
  samplers: extension('the order of samplers; those that are not named are not used'),
  schema: row('a JSON Schema that the data will satisfy'),
  seed: row('the same seed gives the same text; drawn at random when absent'),
  service_tier: row('there is one tier'),
  session: extension('the server keeps the conversation under this id and puts it in front'),
  speed: row('0.25 to 4; 1 by default'),
  source: row('the language of the text'),
  speculation: extension('"auto" or "off": tokens guessed ahead change the speed, never the text'),
  stop: row('a text or up to 16, which end the answer and are not part of it'),
  stop_sequences: row('texts that end the answer and are not part of it'),
  store: row('keep the response to be read or gone on with; chat completions are never kept'),
  stream: row('server-sent events as the answer is made'),
  stream_format: row('"audio", or "sse": events with base64 of the same bytes'),
  stream_options: row('"include_usage": true adds a last chunk with usage'),
  strict: extension('refuse fields that are not known instead of ignoring them'),
  style: row('"paragraph" or "bullet"'),
  system: row('a text or text blocks, in front of the messages'),
  target: row('the language to translate to'),
  temperature: row("0 is greedy, 1 the model's own distribution"),
  text: row('a text; of responses {"format"}, what the answer is held to'),
  tokens: row('token ids'),
  tool_choice: row('whether calls may come, must come, must not, or must be of one tool'),
  tools: row('functions that may be called, up to 1,024, their arguments as JSON Schema'),
  tone: row('such as "polite" or "formal"'),
  top_n: row('how many of the best are told; all when absent'),
  top_k: extension('keep the k likeliest tokens, 0 or -1 all; of a search, how many are told'),
  top_logprobs: row('likeliest tokens told beside each, 0 to 20'),
  top_n_sigma: extension(
    'keep logits within this many standard deviations of the largest; 0 is off',
  ),
  top_p: row('keep the likeliest tokens up to this sum of probabilities; 1 keeps all'),
  truncate: extension('cut what is too long for the model at its end instead of refusing it'),
  truncation: row(
    '"auto" leaves out the oldest turns when the context is full; "disabled" refuses',
  ),
  typical_p: extension('keep tokens of typical surprise up to this sum; 1 keeps all'),
  threshold: extension('score from which it is flagged; 0.8 by default'),
  user: row('not used'),
  voice: row("default; OpenAI's names mean the same, since a model has one voice"),
  vad: row('threshold, endThreshold, minSpeechS, hangoverS, paddingS: when speech begins and ends'),
  xtc_probability: extension('how often XTC leaves out the likeliest tokens; 0 never'),
  xtc_threshold: extension('probability above which it does; 0.1 by default'),
};

const PASSIVE = new Set<unknown>([...Object.values(passiveFields), generationFields.user]);

/** Whether a field is accepted only so that clients that send it work. */
export function isPassive(schema: z.ZodObject, name: string): boolean {
  return PASSIVE.has(schema.shape[name]);
}
