/** Answers a conversation: its messages go through the model's template into a generation. */
import { atOnce, inTurns } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import type { Caller } from '../../platform/caller.ts';
import type {
  RenderedChat,
  TemplateTool,
  TemplateValue,
} from '../../../engine/text/chat-template.ts';
import { checkInputs, contentText, templateMessage } from '../conversation/message.ts';
import type { Message } from '../conversation/message.ts';
import type { ServingEnv } from '../env.ts';
import type { ServedModel } from '../models/model-store.ts';
import { toolFormatOf } from '../output/tool-formats.ts';
import { turnsFor } from '../output/tool-prompt.ts';
import type { Tool } from '../output/tools.ts';
import { checkMessages } from '../policy/check-input.ts';
import { chooseMarks, withMarkers, withSegments } from '../senses/marks.ts';
import { readSenses } from '../senses/read-senses.ts';
import { senseNames, sensesOf } from '../senses/senses.ts';
import { refuseTooLong } from './prompt-length.ts';
import { type Delta, type GenerationParams, runGeneration } from './run-generation.ts';

export interface ChatPlan {
  readonly env: ServingEnv;
  readonly caller: Caller;
  readonly model: ServedModel;
  /** The whole conversation, the new messages last. */
  readonly messages: readonly Message[];
  /** Beginning of the answer; '' lets the model begin. */
  readonly prefill?: string;
  /** Tools that the model is told it may call. */
  readonly tools?: readonly Tool[];
  /** Variables of the template. */
  readonly variables?: TemplateVariables;
  readonly promptField: string;
  readonly params: GenerationParams;
  readonly signal: AbortSignal;
  /** Called when a generation waits for its turn, and is not refused any more. */
  readonly onWaiting?: (() => void) | undefined;
}

export type TemplateVariables = Readonly<Record<string, TemplateValue>>;

export interface RenderChatOptions {
  readonly addGenerationPrompt?: boolean;
  readonly tools?: readonly Tool[];
  readonly variables?: TemplateVariables;
}

export interface EncodeChatOptions {
  readonly field?: string;
  readonly prefill?: string;
  readonly tools?: readonly Tool[];
  readonly variables?: TemplateVariables;
}

/**
 * @throws {EngineError} E_POLICY_BLOCKED, E_POLICY_UNAVAILABLE, E_TEMPLATE, E_PROMPT_TOO_LONG before the first delta; errors
 * of the stage while it runs.
 */
export async function* runChat(plan: ChatPlan): AsyncGenerator<Delta, void, void> {
  const {
    env,
    caller,
    model,
    prefill = '',
    tools = [],
    variables = {},
    promptField,
    params,
    signal,
    onWaiting,
  } = plan;
  const { messages, done } = await checkMessages(env, caller, plan.messages, promptField);
  try {
    const steps = chatSteps(model, messages, { field: promptField, prefill, tools, variables });
    const ids = await inTurns(steps, takeTurn);
    const reading = { env, caller, signal };
    const media = await readSenses(reading, model, messages, promptField, ids.length);
    yield* runGeneration({
      ...{ env, caller, model, promptField, params, signal, onWaiting },
      prompt: withSegments(ids, media, sensesOf(model)),
      // Without a template the answer continues where the last message ended.
      atTextStart: model.manifest.chatTemplate !== null && prefill === '',
    });
  } finally {
    await done;
  }
}

/**
 * Token ids of a conversation, ready for the assistant's answer, made in parts. Segments of other senses are their
 * markers alone yet.
 * @throws {EngineError} E_TEMPLATE, E_PROMPT_TOO_LONG
 */
export function* chatSteps(
  model: ServedModel,
  messages: readonly Message[],
  { field = 'messages', prefill = '', tools = [], variables = {} }: EncodeChatOptions = {},
): Steps<number[]> {
  const { tokenizer } = model;
  const { text, sentinel } = yield* renderChatSteps(model, messages, { tools, variables });
  refuseTooLong(model, text.length + prefill.length, field);
  yield;
  const ids = yield* tokenizer.encodeTemplateSteps(text, sentinel);
  if (prefill === '') return ids;
  return [...ids, ...(yield* tokenizer.encodeSteps(prefill, { special: false }))];
}

/** `chatSteps` at once, for conversations that are known to be short. */
export function encodeChat(
  model: ServedModel,
  messages: readonly Message[],
  options: EncodeChatOptions = {},
): number[] {
  return atOnce(chatSteps(model, messages, options));
}

/** The model's template over messages; the sentinel breaks up names of special tokens in them. */
export function* renderChatSteps(
  model: ServedModel,
  messages: readonly Message[],
  { addGenerationPrompt = true, tools = [], variables = {} }: RenderChatOptions = {},
): Steps<RenderedChat> {
  // Never drops a part silently; APIs with better names for parts have checked before.
  checkInputs(
    model.id,
    messages,
    {
      path: (message, part) => `messages[${message}].content[${part}]`,
      pictureField: '',
      text: 'text',
    },
    senseNames(model),
  );
  const { tokenizer } = model;
  const marks = chooseMarks(messages);
  const { bosId, eosIds } = tokenizer.facts;
  const template = model.chatTemplate();
  const format = toolFormatOf(model.manifest.chatTemplate);
  const shown = messages.map((message) => ({
    ...templateMessage(message),
    content: contentText(message.content, ({ type }) => marks[type] ?? ''),
  }));
  const turns = turnsFor(template, shown, tools, format);
  const { text, sentinel } = yield* template.renderSteps(turns, {
    bosToken: tokenizer.literalOf(bosId),
    eosToken: tokenizer.literalOf(eosIds[0]),
    specialLiterals: tokenizer.specialLiterals,
    addGenerationPrompt,
    variables,
    marks,
    ...(template.knowsTools ? { tools: tools.map(templateTool) } : {}),
  });
  return { text: withMarkers(text, marks, sensesOf(model), tokenizer), sentinel };
}

function templateTool({ name, description, parameters }: Tool): TemplateTool {
  return { type: 'function', function: { name, description, parameters } };
}
