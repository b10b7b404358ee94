/**
 * Descriptions of the fields of request bodies, for /openapi.json, /docs and docs/http.md.
 * A name means the same everywhere; tests/http/openapi.test.ts finds fields without a row.
 */
export interface ParameterRow {
  readonly what: string;
  /** Set when the API whose endpoint takes the field does not have it. */
  readonly isExtension?: true;
}

const row = (what: string): ParameterRow => ({ what });
const extension = (what: string): ParameterRow => ({ what, isExtension: true });

export const PARAMETERS: Readonly<Record<string, ParameterRow>> = {
  add_generation_prompt: row('end the text where the answer would begin'),
  add_special: row('begin with the BOS token if the model uses one'),
  attributes: row('up to 16 texts, numbers or booleans by name, which searches filter by'),
  background: row(
    'return at once; the response is made in the background and can be read by its id',
  ),
  best_of: row('candidates to generate; the n with the highest mean log-probability are returned'),
  chunking_strategy: row(
    '{"type": "auto"}, or "static" with 100 to 512 tokens a passage and no overlap',
  ),
  chunk_tokens: row('most tokens of a passage, 16 to 512; default 128'),
  completion_window: row('"24h": requests that have not run by then are reported as expired'),
  calibrate: row("correct for the model's bias, measured on texts without content; default true"),
  conversation: row(
    'id of a conversation that continues: its items come first, and the turn is added',
  ),
  description: row('what it is for, in a few words'),
  dimensions: row('values to which a vector is cut; it is normalized again'),
  documents: row(
    'texts, or objects with a "text"; for collections 1 to 256 objects {"id", "content", "content_type", "metadata"}',
  ),
  dry_allowed_length: extension('longest repetition that DRY does not penalize; default 2'),
  dry_base: extension(
    "how fast DRY's penalty grows with the length of the repetition; default 1.75",
  ),
  dry_multiplier: extension('strength of DRY, which penalizes repeated sequences; 0 is off'),
  dry_penalty_last_n: extension('how many tokens DRY looks back; -1 for all, 0 for none'),
  dry_sequence_breakers: extension('up to 16 texts that end a repetition'),
  echo: row('return the prompt before the answer, with its log-probabilities if requested'),
  encoding_format: row('"float", or "base64" of little-endian float32'),
  encoding: row('"json" or "base64": how the data of outputs is returned'),
  endpoint: row('the path to which every line of the file is sent'),
  file_id: row('id of a file of /v1/files'),
  file_ids: row('up to 20 ids of files of /v1/files'),
  filters: row('a comparison of an attribute: eq, ne, gt, gte, lt, lte or in; or "and" of some'),
  filter: row('metadata fields and their values, or conditions: eq, ne, in, gt, gte, lt, lte'),
  frequency_penalty: row('-2 to 2, subtracted for each time a token is already in the answer'),
  grammar: extension('GBNF grammar that the answer must match'),
  graph: row("which of the model's graphs; default main"),
  image: row('a data: URL of a PNG or JPEG'),
  ignore_eos: extension("go on to max_tokens, past the model's end tokens"),
  include: row(
    '"message.output_text.logprobs" adds log-probabilities, "file_search_call.results" what a search found',
  ),
  input: row('a text, or a list of messages, calls and outputs of calls; texts or ids to embed'),
  input_type: extension('"query" or "document": adds the model\'s prefix for that kind of text'),
  input_file_id: row('id of a file of /v1/files with a request per line'),
  inputs: row('the graph\'s inputs by name, each {"dtype", "shape", "data"}'),
  instruction: row('what to do, in your own words'),
  instructions: row('a system message for this response only'),
  labels: row('2 to 64 labels, or objects {"label", "description"}'),
  length: row('"short", "medium" or "long": 40, 100 or 250 words'),
  logit_bias: row('numbers from -100 to 100 by token id, added to the logits'),
  logprobs: row(
    "return log-probabilities of the model's own distribution; for plain completions, how many",
  ),
  max_completion_tokens: row('newer name of max_tokens'),
  max_num_results: row('most passages, 1 to 50; default 10'),
  max_output_tokens: row('most tokens of the answer; default: what the context leaves'),
  max_quotes: row('most sentences to quote, 1 to 5; default 1'),
  max_tokens: row(
    'most tokens of the answer; default: what the context leaves, for plain completions 16',
  ),
  messages: row('the conversation; contents are texts, text parts, tool calls and their results'),
  items: row('up to 20 items of a conversation: messages, calls and their outputs'),
  metadata: row('kept with what is stored, else unused'),
  max_words: row('most words of the summary; takes the place of length'),
  min_gain: row(
    'nats per token by which a quoted sentence must make the question more likely; default 0.75',
  ),
  min_p: extension('drop tokens less likely than this share of the most likely one; 0 keeps all'),
  mirostat: extension(
    '2 for Mirostat 2, which aims at a surprise, in place of truncation; 0 is off',
  ),
  mirostat_eta: extension("Mirostat's learning rate; default 0.1"),
  mirostat_tau: extension("Mirostat's target surprise in bits; default 5"),
  mode: row('"hybrid", "vector" or "text"'),
  name: row(
    'of a collection 1 to 63 lower-case letters, digits, "-" or "_", beginning with a letter or digit; of a vector store any',
  ),
  model: row("an id of /v1/models; default: the server's default model"),
  multi_label: row('judge each label independently of the others'),
  n: row('number of answers, 1 to 8; answer i uses the seed plus i'),
  output_config: row('{"format"}: a JSON Schema that the answer must match'),
  parallel_tool_calls: row('false: at most one call per answer; default true: up to 8'),
  parse_special: extension('parse the names of special tokens as special tokens'),
  passages: row('texts from which the question is answered'),
  prediction: row('unused: speculation drafts by itself'),
  presence_penalty: row('-2 to 2, subtracted once for each token that is already in the answer'),
  previous_response_id: row('id of the stored response whose conversation continues'),
  prompt: row('a text, token ids, or an array of either'),
  prompt_cache_key: row('unused: cached prompts are found by their tokens'),
  prompt_cache_retention: row('unused: cached prompts are kept while there is room'),
  query: row('what to search for'),
  ranking_options: row('{"score_threshold"}: the lowest cosine of a result'),
  reasoning: row('unused: no model here reasons before it answers'),
  reasoning_effort: row('unused: no model here reasons before it answers'),
  regex: extension('regular expression that the whole answer must match'),
  question: row('one line of text'),
  repetition_penalty: extension('above 0, applied to tokens of prompt and answer; 1 is off'),
  retention_s: extension('seconds after its last turn that the session is kept, at most'),
  retrieval: extension(
    '{"collection", "top_k", "mode", "filter", "query"}: search for passages and answer from them',
  ),
  return_documents: row('return each document with its score'),
  redact: extension(
    'replace personal data by placeholders such as <EMAIL_1> before anything is stored, logged or read by a model: true, ' +
      'or a list of kinds (docs/privacy.md); answers have the values again',
  ),
  response_format: row('text, any JSON object, or a JSON Schema that the answer must match'),
  safety_identifier: row('unused'),
  samples: row('base64 of little-endian float32 samples, mono at 16 kHz'),
  samplers: extension('the order of samplers; samplers that are not named are not used'),
  schema: row('a JSON Schema that the data will satisfy'),
  seed: row('the same seed gives the same text; default: random'),
  service_tier: row('unused: there is one tier'),
  session: extension(
    'id under which the server keeps the conversation; earlier turns come before the messages',
  ),
  speed: row('0.25 to 4; default 1'),
  source: row('the language of the text'),
  speculation: extension('"auto" or "off": speculative decoding changes the speed, never the text'),
  stop: row('a text or up to 16 texts that end the answer and are not part of it'),
  stop_sequences: row('texts that end the answer and are not part of it'),
  store: row(
    'keep the answer, to be read or continued: of responses by default, of chat completions if true',
  ),
  stream: row('server-sent events as the answer is made'),
  stream_format: row('"audio", or "sse" for events with the same bytes in base64'),
  stream_options: row('"include_usage": true adds a last chunk with usage'),
  strict: extension('refuse unknown fields instead of ignoring them'),
  style: row('"paragraph" or "bullet"'),
  system: row('a system message: a text or text blocks'),
  target: row('the language to translate to'),
  temperature: row("0 takes the most likely token, 1 keeps the model's own distribution"),
  text: row('a text; for responses {"format"}: text, any JSON object, or a JSON Schema'),
  tokens: row('token ids'),
  tool_choice: row(
    'whether the model may, must or must not call a tool, or which one it must call',
  ),
  tools: row(
    'up to 1,024 functions that may be called, with JSON Schemas of their arguments; for responses also file_search',
  ),
  tone: row('such as "polite" or "formal"'),
  top_n: row('number of the best documents to return; default all'),
  top_k: extension(
    'keep the k most likely tokens, 0 or -1 for all; for a search, how many results to return',
  ),
  top_logprobs: row('number of most likely tokens to return at each position, 0 to 20'),
  top_n_sigma: extension(
    'keep logits within this many standard deviations of the largest; 0 is off',
  ),
  top_p: row('keep the most likely tokens up to this sum of probabilities; 1 keeps all'),
  truncate: extension(
    'cut a text that is too long for the model at its end instead of refusing it',
  ),
  truncation: row(
    '"auto" leaves out the oldest turns when the context is full; "disabled" refuses',
  ),
  typical_p: extension('keep tokens of typical surprise up to this sum; 1 keeps all'),
  threshold: extension('score from which an image is flagged; default 0.8'),
  user: row('unused'),
  verbosity: row('unused: say it in the prompt, or set a limit of tokens'),
  voice: row('"default"; OpenAI\'s names mean the same, since a model has one voice'),
  vad: row('threshold, endThreshold, minSpeechS, hangoverS, paddingS: when speech begins and ends'),
  xtc_probability: extension('how often XTC leaves out the most likely tokens; 0 is never'),
  xtc_threshold: extension('probability above which XTC leaves tokens out; default 0.1'),
};
