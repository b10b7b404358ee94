/** Turns of sessions, streamed or not: both sides of a turn are there, once, or neither. */
import { isRefusal, readSurely, wasMade } from '../writer.ts';
import type { Writer, WriterContext } from '../writer.ts';

interface Turn {
  readonly user: string;
  /** Null for a turn that was not acknowledged. */
  readonly assistant: string | null;
}

interface SessionNotes {
  readonly id: string;
  readonly turns: Turn[];
  /** Whether its deletion was acknowledged, or asked for without an answer. */
  deleted: 'no' | 'perhaps' | 'yes';
  /** Whether it was written to since the last check. */
  isFresh: boolean;
}

interface SessionJson {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

const MAX_TURNS = 8;
const DELETED_PART = 0.3;

export class TurnWriter implements Writer {
  readonly name = 'turns';
  nAcknowledged = 0;
  readonly #context: WriterContext;
  readonly #sessions: SessionNotes[] = [];

  constructor(context: WriterContext) {
    this.#context = context;
  }

  async write(): Promise<void> {
    const last = this.#sessions.at(-1);
    if (last === undefined || last.deleted !== 'no') return await this.#turn(this.#begin());
    if (last.turns.length < MAX_TURNS) return await this.#turn(last);
    if (this.#context.random.chance(DELETED_PART)) return await this.#delete(last);
    await this.#turn(this.#begin());
  }

  async check(all: boolean): Promise<string[]> {
    const problems: string[] = [];
    for (const session of this.#sessions) {
      if (!all && !session.isFresh) continue;
      problems.push(...(await this.#checkSession(session)));
      session.isFresh = false;
    }
    return problems;
  }

  #begin(): SessionNotes {
    const id = `chaos-${this.#context.number}-${this.#sessions.length}`;
    const session: SessionNotes = { id, turns: [], deleted: 'no', isFresh: true };
    this.#sessions.push(session);
    return session;
  }

  async #turn(session: SessionNotes): Promise<void> {
    const { client, random, textModel } = this.#context;
    const user = `${random.word()} ${session.turns.length}`;
    const stream = random.chance(0.5);
    session.isFresh = true;
    session.turns.push({ user, assistant: null });
    const answer = await client.ask('/v1/chat/completions', {
      ...{ model: textModel, session: session.id, stream, max_tokens: random.integer(1, 8) },
      messages: [{ role: 'user', content: user }],
    });
    if (!wasMade(answer, 'turn')) {
      session.turns.pop();
      return;
    }
    const assistant = stream ? streamedText(answer.text) : textOf(answer.text);
    // A stream that ends without its last event acknowledges nothing.
    if (assistant === null) return;
    session.turns[session.turns.length - 1] = { user, assistant };
    this.nAcknowledged++;
  }

  async #delete(session: SessionNotes): Promise<void> {
    session.isFresh = true;
    session.deleted = 'perhaps';
    const answer = await this.#context.client.ask(
      `/v1/sessions/${session.id}`,
      undefined,
      'DELETE',
    );
    if (isRefusal(answer)) session.deleted = 'no';
    // 404: nothing of it had been acknowledged.
    else if (answer.status === 200 || answer.status === 404) {
      session.deleted = 'yes';
      this.nAcknowledged++;
    }
  }

  async #checkSession(session: SessionNotes): Promise<string[]> {
    const { id, deleted } = session;
    const answer = await readSurely(this.#context.client, `/v1/sessions/${id}`);
    if (answer.status === 404) {
      if (deleted === 'perhaps') session.deleted = 'yes';
      const isLost = deleted === 'no' && session.turns.some(({ assistant }) => assistant !== null);
      return isLost ? [`session ${id}: is lost`] : [];
    }
    if (answer.status !== 200) return [`session ${id}: answers ${answer.status}`];
    if (deleted === 'yes') return [`session ${id}: is there after it was deleted`];
    if (deleted === 'perhaps') session.deleted = 'no';
    const { messages } = JSON.parse(answer.text) as SessionJson;
    return this.#compare(session, messages);
  }

  /** Turns that were not acknowledged may be there; then they are known from now on. */
  #compare(session: SessionNotes, messages: SessionJson['messages']): string[] {
    const { id, turns } = session;
    if (messages.length % 2 !== 0) return [`session ${id}: half a turn is there`];
    const kept: Turn[] = [];
    let at = 0;
    for (const turn of turns) {
      const [user, assistant] = [messages[at], messages[at + 1]];
      const isThere = user?.role === 'user' && user.content === turn.user;
      if (!isThere && turn.assistant !== null) return [`session ${id}: ${turn.user} is lost`];
      if (!isThere) continue;
      if (assistant?.role !== 'assistant') return [`session ${id}: ${turn.user} has no answer`];
      if (turn.assistant !== null && assistant.content !== turn.assistant)
        return [`session ${id}: ${turn.user} has another answer than was sent`];
      kept.push({ user: turn.user, assistant: assistant.content });
      at += 2;
    }
    session.turns.splice(0, turns.length, ...kept);
    return at === messages.length ? [] : [`session ${id}: has a turn twice, or one of nobody`];
  }
}

function textOf(text: string): string {
  const { choices } = JSON.parse(text) as { choices: { message: { content: string | null } }[] };
  return choices[0]?.message.content ?? '';
}

/** Null when the stream did not come to its end. */
function streamedText(text: string): string | null {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '));
  if (events.at(-1) !== 'data: [DONE]') return null;
  return events
    .slice(0, -1)
    .map((event) => JSON.parse(event.slice(6)) as StreamEvent)
    .map(({ choices }) => choices?.[0]?.delta?.content ?? '')
    .join('');
}

interface StreamEvent {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
}
