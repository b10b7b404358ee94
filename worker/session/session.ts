/**
 * A conversation kept on the server: one object per session id. A request brings only its new
 * messages; they and the answer are kept when the turn is complete. A turn that fails or whose
 * client leaves changes nothing.
 */
import { DurableObject } from 'cloudflare:workers';
import { EngineError } from '../../engine/base/errors.ts';
import type { ChatMessage } from '../../engine/text/chat-template.ts';
import type { GatewayEnv } from '../gateway/env.ts';
import { errorResponse } from '../gateway/error-response.ts';
import { answerChat, type ChatAnswer, encodeChat } from '../gateway/generation/chat.ts';
import { findModel, type ServedModel } from '../gateway/model-store.ts';
import { type ChatBody, chatBodySchema } from '../gateway/schemas/chat.ts';
import { checkBody } from '../gateway/schemas/json-body.ts';
import { stageStatus } from '../gateway/stage-client.ts';
import { fitHistory, type FittedHistory } from './fit-history.ts';
import { checkRowSize, History, type NewMessage } from './history.ts';
import { TurnQueue } from './turn-queue.ts';

/** Share of the context kept free for the answer when old turns have to go. */
const ANSWER_SHARE = 1 / 4;

export interface SessionJson {
  readonly object: 'session';
  readonly schema_version: number;
  readonly messages: readonly {
    readonly role: string;
    readonly content: string;
    readonly tokens: number;
    readonly model: string;
    readonly created_at: number;
  }[];
}

export class Session extends DurableObject<GatewayEnv> {
  private readonly history = new History(this.ctx.storage);
  private readonly turns = new TurnQueue();

  /** A chat request whose body was checked; answers as POST /v1/chat/completions does. */
  override async fetch(request: Request): Promise<Response> {
    try {
      const body = checkBody(await request.json(), chatBodySchema);
      const leave = await this.turns.enter(request.signal);
      try {
        return await this.runTurn(body, request.signal, leave);
      } catch (error) {
        leave();
        throw error;
      }
    } catch (error) {
      return errorResponse(error);
    }
  }

  /** Null when there is no such session. */
  read(): SessionJson | null {
    const found = this.history.read();
    if (found === null) return null;
    return {
      object: 'session',
      schema_version: found.schemaVersion,
      messages: found.messages.map(({ role, content, nToken, model, createdAtMs }) => ({
        role,
        content,
        tokens: nToken,
        model,
        created_at: Math.floor(createdAtMs / 1000),
      })),
    };
  }

  /** False when there was nothing to delete. Waits for the turns that are under way. */
  async clear(): Promise<boolean> {
    const leave = await this.turns.enter(new AbortController().signal);
    try {
      if (this.history.read() === null) return false;
      await this.history.clear();
      return true;
    } finally {
      leave();
    }
  }

  private async runTurn(body: ChatBody, signal: AbortSignal, leave: () => void): Promise<Response> {
    const model = await findModel(this.env.MODELS, body.model ?? this.env.DEFAULT_MODEL);
    body.messages.forEach(({ content }, i) => checkRowSize(content, `messages[${i}].content`));
    const fitted = await this.fit(model, body);
    const countTokens = (text: string): number =>
      model.tokenizer.encode(text, { special: false }).length;
    const onAnswer = ({ text, usage }: ChatAnswer): void => {
      const fresh = body.messages.map(({ role, content }) => ({
        role,
        content,
        nToken: countTokens(content),
      }));
      const answer: NewMessage = {
        role: 'assistant',
        content: text,
        nToken: usage.completionTokens,
      };
      this.history.append(model.id, [...fresh, answer]);
    };
    return await answerChat({
      env: this.env,
      model,
      body,
      messages: fitted.messages,
      signal,
      session: { id: body.session ?? '', dropped_messages: fitted.nDropped },
      onAnswer,
      onEnd: leave,
    });
  }

  private async fit(model: ServedModel, body: ChatBody): Promise<FittedHistory> {
    const stored: readonly ChatMessage[] = (this.history.read()?.messages ?? []).map(
      ({ role, content }) => ({ role, content }),
    );
    const { nCtx } = await stageStatus(this.env, model);
    const wanted = body.max_completion_tokens ?? body.max_tokens ?? nCtx;
    const reserve = Math.min(wanted, Math.floor(nCtx * ANSWER_SHARE));
    const countTokens = (messages: readonly ChatMessage[]): number => {
      try {
        return encodeChat(model, messages).length;
      } catch (error) {
        if (error instanceof EngineError && error.code === 'E_PROMPT_TOO_LONG') return Infinity;
        throw error;
      }
    };
    return fitHistory(stored, body.messages, countTokens, nCtx - reserve);
  }
}
