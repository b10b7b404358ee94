/**
 * A conversation kept on the server: one object per session id. A request sends only its new
 * messages; they and the answer are kept when the turn is complete. A turn that fails or whose
 * client leaves changes nothing.
 */
import type { Caller } from '../../platform/caller.ts';
import type { CallContext } from '../../platform/failure.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { answerCall } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { checkRowSize } from '../../platform/storage/row-size.ts';
import { PortableObject } from '../../platform/storage/portable-object.ts';
import { Keeper } from '../../access/content/keeper.ts';
import type { Owner } from '../../access/content/content-keys.ts';
import { keptMs } from '../../access/content/retention.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { failedResponse } from '../../http/error-response.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { RequestRecord } from '../../http/observe/record.ts';
import { settleAtEnd } from '../../http/usage.ts';
import type { ChatBody } from '../chat/schema.ts';
import { answerChat, type ChatAnswer } from '../chat/answer-chat.ts';
import {
  checkInputs,
  contentText,
  type PartNames,
  textContent,
} from '../../serving/conversation/message.ts';
import { CHAT_PARTS } from '../chat/schema.ts';
import { redactMessages, redactorFor } from '../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../serving/redaction/redactor.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import { describeConversation, redactImages } from '../../serving/vision/describe-messages.ts';
import type { ImageJson } from '../../serving/vision/fields.ts';
import { fitToContext } from '../../serving/generation/fit-context.ts';
import { checkStored, History } from './history.ts';
import type { NewMessage, StoredHistory, StoredMessage } from './history.ts';
import { type Rating, Ratings } from './ratings.ts';
import type { FeedbackJson, RatedTurn, RateResult, RatingJson, SessionJson } from './schema.ts';
import { TurnQueue } from './turn-queue.ts';

/** What POST /v1/chat/completions passes to the object; `body` has been checked. */
export interface SessionTurn {
  readonly caller: Caller;
  readonly body: ChatBody;
  /** Pictures whose words stand in the messages; models that see have the pictures. */
  readonly images: readonly ImageJson[];
}

/** Parts of earlier turns are nowhere in the request. */
const HISTORY_PARTS: PartNames = { ...CHAT_PARTS, path: () => 'session', pictureField: '' };

export class Session extends PortableObject<ServingEnv> {
  readonly #keeper = new Keeper(this.ctx.storage, this.env, 'session');
  readonly #history = new History(this.ctx.storage);
  readonly #ratings = new Ratings(this.ctx.storage);
  readonly #turns = new TurnQueue();

  /** Runs a SessionTurn; answers like POST /v1/chat/completions. */
  override async fetch(request: Request): Promise<Response> {
    const turn = await request.json<SessionTurn>();
    const record = new RequestRecord('POST', 'chatCompletions', turn.caller);
    settleAtEnd(record, this.env, turn.caller, (promise) => this.ctx.waitUntil(promise));
    const response = await this.#answer(turn, request.signal, record);
    record.headersSent(response.status);
    return response;
  }

  async #answer(turn: SessionTurn, signal: AbortSignal, record: RequestRecord): Promise<Response> {
    try {
      const leave = await this.#turns.enter(signal);
      try {
        return await this.#runTurn(turn, signal, record, leave);
      } catch (error) {
        leave();
        throw error;
      }
    } catch (error) {
      return failedResponse(error, record);
    }
  }

  /** The session; null when it does not exist. */
  async read(): Promise<SessionJson | null> {
    const found = await this.#readHistory();
    if (found === null) return null;
    return {
      object: 'session',
      schema_version: found.schemaVersion,
      allow_training: this.#ratings.allowsTraining,
      feedback: await this.#readRatings(found),
      messages: found.messages.map(({ role, content, nToken, model, createdAtMs }) => ({
        role,
        content: contentText(content),
        tokens: nToken,
        model,
        created_at: Math.floor(createdAtMs / 1000),
      })),
    };
  }

  /** Says whether rated answers may be learned from. @returns the session; null when it does not exist */
  async allowTraining(call: CallContext, allows: boolean): Promise<RpcAnswer<SessionJson | null>> {
    return await answerCall({ place: 'session.allowTraining', ...call }, async () => {
      if ((await this.#readHistory()) === null || !this.#ratings.allow(allows)) return null;
      return await this.read();
    });
  }

  /** Rates an answer; in a session with placeholders what is better has them, too, unless it says otherwise. */
  async rate(
    owner: Owner,
    id: string,
    { turn, rating, better, redact }: RatedTurn,
  ): Promise<RpcAnswer<RateResult>> {
    const { requestId } = owner;
    return await answerCall({ place: 'session.rate', requestId }, async () => {
      const found = await this.#readHistory();
      if (found === null) return null;
      const answers = answersOf(found);
      const answer = answers[turn - 1];
      if (answer === undefined) return { nAnswer: answers.length };
      const box = await this.#keeper.begin(owner, id);
      const isRedacted = (await this.#history.redactions(box)).length > 0;
      const redactor = await this.#redactorFor({ redact: redact ?? isRedacted });
      const text = better === null ? null : ((await redactor?.hide(better)) ?? better);
      if (text === contentText(answer.content))
        throw invalidField('better', 'expected another text than the answer itself');
      if (text !== null) checkRowSize(text, 'better');
      if (!(await this.#ratings.put(box, answer.id, rating, text))) return null;
      return ratingJson({ turn, rating, better: text, createdAtMs: Date.now() });
    });
  }

  /** Takes the rating of an answer back. @returns false when it has none, null without a session */
  async unrate(call: CallContext, turn: number): Promise<RpcAnswer<boolean | null>> {
    return await answerCall({ place: 'session.unrate', ...call }, async () => {
      const found = await this.#readHistory();
      if (found === null) return null;
      const answer = answersOf(found)[turn - 1];
      return answer !== undefined && this.#ratings.delete(answer.id);
    });
  }

  /** Messages and ratings; null unless they may be learned from and there are any. */
  async feedback(): Promise<FeedbackJson | null> {
    if (!this.#ratings.allowsTraining || this.#ratings.isEmpty) return null;
    const found = await this.#readHistory();
    if (found === null) return null;
    const answers = answersOf(found);
    // What a model of texts cannot have read, it cannot learn to answer.
    const other = found.messages.find(({ content }) => content.some(({ type }) => type !== 'text'));
    const ratings = (await this.#readRatings(found)).filter(
      ({ turn }) => other === undefined || answers[turn - 1]!.id < other.id,
    );
    if (ratings.length === 0) return null;
    const messages = found.messages.map(({ role, content }) => ({
      role,
      content: contentText(content),
    }));
    return { messages, ratings };
  }

  /** Whether its answers may be learned from, and ratings of them, as JSON. */
  async readFeedback(): Promise<string> {
    const found = await this.#readHistory();
    const feedback = found === null ? [] : await this.#readRatings(found);
    return JSON.stringify({ allow_training: this.#ratings.allowsTraining, feedback });
  }

  /** A page of messages with all their parts, as JSON (history.ts). */
  async page(after: number): Promise<{ messages: string[]; last: number | null } | null> {
    return await this.#history.page(await this.#keeper.find(), after);
  }

  /** JSON of the placeholders of the session with their values. */
  async readRedactions(): Promise<string> {
    return JSON.stringify(await this.#history.redactions(await this.#keeper.find()));
  }

  /** Deletes the session after its running turns. @returns false when there was nothing to delete */
  async clear(): Promise<boolean> {
    const leave = await this.#turns.enter(new AbortController().signal);
    try {
      const found = await this.#readHistory();
      // Also what a destroyed key has sealed.
      await this.#keeper.end();
      return found !== null;
    } finally {
      leave();
    }
  }

  /** Its time is over. */
  override async alarm(): Promise<void> {
    await this.clear();
  }

  async #readHistory(): Promise<StoredHistory | null> {
    return await this.#history.read(await this.#keeper.find());
  }

  async #readRatings(found: StoredHistory): Promise<RatingJson[]> {
    const answers = answersOf(found).map(({ id }) => id);
    return (await this.#ratings.read(await this.#keeper.find(), answers)).map(ratingJson);
  }

  async #keep(
    { caller, body }: SessionTurn,
    modelId: string,
    messages: readonly NewMessage[],
    redactor: Redactor | null,
  ): Promise<void> {
    const box = await this.#keeper.begin(caller, body.session ?? '');
    await this.#history.append(box, modelId, messages, {
      retentionS: body.retention_s ?? null,
      redactions: redactor?.redactions ?? null,
      allowsTraining: body.allow_training ?? null,
    });
    const forMs = keptMs(this.env, this.#history.retentionS());
    if (forMs === Infinity) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(Date.now() + forMs);
  }

  /** Values of earlier turns keep their placeholders; those that texts had before redaction stand for nothing. */
  async #redactorFor({ redact }: Pick<ChatBody, 'redact'>): Promise<Redactor | null> {
    const known = await this.#history.redactions(await this.#keeper.find());
    const redactor = redactorFor(redact, known);
    if (redactor !== null)
      for (const { content } of (await this.#readHistory())?.messages ?? [])
        redactor.note(contentText(content));
    return redactor;
  }

  async #runTurn(
    turn: SessionTurn,
    signal: AbortSignal,
    record: RequestRecord,
    leave: () => void,
  ): Promise<Response> {
    const { caller, body } = turn;
    const model = await findModel(
      this.env.MODELS,
      body.model ?? (await defaultModelId(this.env)),
      caller,
    );
    checkInputs(model.id, body.messages, CHAT_PARTS, senseNames(model));
    const redactor = await this.#redactorFor(body);
    const messages = await redactMessages(redactor, body.messages);
    if (body.store !== false)
      messages.forEach(({ content }, i) => checkStored(content, `messages[${i}].content`));
    const stored = (await this.#readHistory())?.messages ?? [];
    const { vision } = body;
    // What an earlier model saw, this one may need words for.
    const { messages: history } = await describeConversation(
      { env: this.env, caller, model, vision, names: HISTORY_PARTS, signal },
      stored.map(({ role, content }) => ({ role, content })),
    );
    const nAnswer = [...stored, ...messages].filter(({ role }) => role === 'assistant').length;
    const wanted = body.max_completion_tokens ?? body.max_tokens;
    const fitted = await fitToContext(this.env, caller, model, history, messages, wanted);
    const countTokens = (text: string): number =>
      model.tokenizer.encode(text, { special: false }).length;
    const onAnswer = async ({ text, usage }: ChatAnswer): Promise<void> => {
      if (body.store === false) return;
      const fresh = messages.map(({ role, content }) => ({
        role,
        content,
        nToken: countTokens(contentText(content)),
      }));
      const answer: NewMessage = {
        role: 'assistant',
        content: textContent((await redactor?.hide(text)) ?? text),
        nToken: usage.completionTokens,
      };
      await this.#keep(turn, model.id, [...fresh, answer], redactor);
    };
    return await answerChat({
      env: this.env,
      caller,
      model,
      body,
      messages: fitted.messages,
      signal,
      record,
      redactor,
      images: await redactImages(redactor, turn.images),
      session: {
        ...{ id: body.session ?? '', dropped_messages: fitted.nDropped },
        ...(body.store === false ? {} : { turn: nAnswer + 1 }),
      },
      onAnswer,
      onEnd: leave,
    });
  }
}

const answersOf = ({ messages }: StoredHistory): readonly StoredMessage[] =>
  messages.filter(({ role }) => role === 'assistant');

const ratingJson = ({ turn, rating, better, createdAtMs }: Rating): RatingJson => ({
  ...{ turn, rating, better },
  created_at: Math.floor(createdAtMs / 1000),
});
