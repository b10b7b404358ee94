/** The conversations this page knows: their ids and titles here, their messages on the server or here, too. */
import { keep, readKept } from '../access/kept.ts';
import { fetchWithKey } from '../access/key.ts';
import type { ChatMessage, ChatRequest, SentMessage } from './chat-stream.ts';
import type { KeptAnswer, Rating } from './rating.ts';
import { readError } from './server.ts';

const KEPT_AS = 'chats';
/** Older ones are forgotten, on the server, too. */
const MAX_CHATS = 30;
const MAX_TITLE_CHARACTERS = 40;
/** After its last turn. Nobody but this page knows the id: a forgotten one must not stay forever. */
const RETENTION_S = 30 * 24 * 3600;
const NOT_FOUND = 404;

export interface Chat {
  readonly id: string;
  readonly title: string;
  /** Whether the server keeps the messages in a session. */
  readonly isOnServer: boolean;
  /** The messages that the server does not keep. */
  readonly messages: readonly ChatMessage[];
}

interface KeptChats {
  readonly currentId: string | null;
  /** The latest first. */
  readonly chats: readonly Chat[];
}

interface StoredSession {
  readonly messages: readonly ChatMessage[];
  readonly feedback: readonly { readonly turn: number; readonly rating: Rating }[];
}

export function newChat(isOnServer: boolean): Chat {
  return { id: randomId(), title: '', isOnServer, messages: [] };
}

/** Known conversations, the latest first. */
export function listChats(): readonly Chat[] {
  return read().chats;
}

/** The conversation that was open last, or null. */
export function currentChat(): Chat | null {
  const { currentId, chats } = read();
  return chats.find(({ id }) => id === currentId) ?? null;
}

export function setCurrent(id: string | null): void {
  keep(KEPT_AS, id === null && listChats().length === 0 ? null : { ...read(), currentId: id });
}

/** What asks the next question. */
export function requestOf({ id, isOnServer, messages }: Chat, question: SentMessage): ChatRequest {
  if (!isOnServer) return { messages: [...messages, question] };
  return { session: id, retention_s: RETENTION_S, messages: [question] };
}

/**
 * The conversation with one more turn; it is the latest and the current one from now on.
 * @param read the question as the model read it, with words in the place of pictures
 */
export function withTurn(
  chat: Chat,
  question: ChatMessage,
  read: ChatMessage,
  answer: string,
): Chat {
  const title = chat.title === '' ? titleOf(question.content) : chat.title;
  const turn: readonly ChatMessage[] = [read, { role: 'assistant', content: answer }];
  const messages = chat.isOnServer ? [] : [...chat.messages, ...turn];
  const longer = { ...chat, title, messages };
  const all = [longer, ...listChats().filter(({ id }) => id !== chat.id)];
  keep(KEPT_AS, { currentId: chat.id, chats: all.slice(0, MAX_CHATS) });
  // A server that does not answer forgets it by itself, when its time is over.
  for (const dropped of all.slice(MAX_CHATS)) forgetOnServer(dropped).catch(() => undefined);
  return longer;
}

/** A message, and where the server keeps it what is thought of it. */
export interface KeptMessage extends ChatMessage {
  readonly kept?: KeptAnswer;
}

/** Its messages; null when the server no longer has it. @throws {Error} with the server's message. */
export async function messagesOf(chat: Chat): Promise<readonly KeptMessage[] | null> {
  if (!chat.isOnServer) return chat.messages;
  const response = await fetchWithKey(`/v1/sessions/${chat.id}`);
  if (response.status === NOT_FOUND) return null;
  if (!response.ok) throw new Error(await readError(response));
  const { messages, feedback } = (await response.json()) as StoredSession;
  const ratings = new Map(feedback.map(({ turn, rating }) => [turn, rating]));
  let turn = 0;
  return messages
    .filter(({ role }) => role === 'user' || role === 'assistant')
    .map((message) => {
      if (message.role === 'user') return message;
      turn++;
      return { ...message, kept: { session: chat.id, turn, rating: ratings.get(turn) ?? null } };
    });
}

/** Forgets it here and on the server. @throws {Error} with the server's message. */
export async function deleteChat(chat: Chat): Promise<void> {
  await forgetOnServer(chat);
  const chats = listChats().filter(({ id }) => id !== chat.id);
  keep(KEPT_AS, chats.length === 0 ? null : { currentId: null, chats });
}

async function forgetOnServer({ id, isOnServer }: Chat): Promise<void> {
  if (!isOnServer) return;
  const response = await fetchWithKey(`/v1/sessions/${id}`, { method: 'DELETE' });
  if (!response.ok && response.status !== NOT_FOUND) throw new Error(await readError(response));
}

function read(): KeptChats {
  return (readKept(KEPT_AS) as KeptChats | null) ?? { currentId: null, chats: [] };
}

function titleOf(question: string): string {
  const line = question.replaceAll(/\s+/g, ' ').trim();
  return line.length <= MAX_TITLE_CHARACTERS ? line : `${line.slice(0, MAX_TITLE_CHARACTERS)}…`;
}

/** `crypto.randomUUID` is missing in pages that came over plain HTTP from another machine. */
function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
