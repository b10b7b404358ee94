/** The chat page: its state, and what its buttons and keys do. */
import { SpokenAnswer } from './audio/spoken-answer.ts';
import { AnswerView } from './answer-view.ts';
import { answer } from './answer.ts';
import type { ChatMessage, SentMessage } from './chat-stream.ts';
import * as chats from './chats.ts';
import type { Chat, KeptMessage } from './chats.ts';
import { draftIsAnswered, keepDraft, restoreDraft, takeDraft } from './draft.ts';
import * as elements from './elements.ts';
import { clearLog, messageOf, showError, showNote, showTurn } from './log.ts';
import { listAbilities } from './models.ts';
import type { Abilities } from './models.ts';
import { hasPictures, listenForPictures, takePictures } from './pictures.ts';
import type { ChosenPicture } from './pictures.ts';
import { ratingButtons } from './rating.ts';
import { listen, offerTalk, stopListening } from './talk.ts';

const { form, log, memory, model, send, stop, talk, text } = elements;
const greeting = log.querySelector('.empty');
let chat: Chat = chats.newChat(memory.checked);
/** Stops the answer that is being made. */
let running: AbortController | null = null;
let abilities: Abilities = { chatModels: [], hears: false, findsSpeech: false, speaks: false };

/** @returns what is wrong, or null */
async function loadModels(): Promise<string | null> {
  try {
    abilities = await listAbilities();
    model.replaceChildren(...abilities.chatModels.map((id) => new Option(id, id)));
    await offerTalk(abilities);
    if (abilities.chatModels.length > 0) return null;
    return 'There is no model yet. Import one, then reload this page.';
  } catch (error) {
    return `The models could not be listed: ${messageOf(error)}`;
  }
}

/** Pictures come before the text, as the model reads them. */
function sentMessage(content: string, pictures: readonly ChosenPicture[]): SentMessage {
  if (pictures.length === 0) return { role: 'user', content };
  const images = pictures.map(({ url }) => ({ type: 'image_url' as const, image_url: { url } }));
  return { role: 'user', content: [...images, { type: 'text', text: content }] };
}

async function ask(
  content: string,
  isSpoken = false,
  pictures: readonly ChosenPicture[] = [],
): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  setRunning(controller);
  // Another chat may be opened meanwhile: this turn belongs to this one.
  const asked = chat;
  const question: ChatMessage = { role: 'user', content };
  try {
    const made = await answer({
      request: {
        ...(model.value === '' ? {} : { model: model.value }),
        ...chats.requestOf(asked, sentMessage(content, pictures)),
      },
      question,
      pictures,
      signal,
      openVoice:
        isSpoken && abilities.speaks ? (onSeconds) => new SpokenAnswer(signal, onSeconds) : null,
      retry: () => retry(content, isSpoken, pictures),
    });
    // A turn that was stopped is kept here as far as it came; a session forgets it.
    if (made.isComplete || (made.content !== '' && !asked.isOnServer)) {
      const read = { ...question, content: `${made.seen}${content}` };
      const longer = chats.withTurn(asked, question, read, made.content);
      if (chat === asked) chat = longer;
      draftIsAnswered();
      listChats();
    } else if (chat === asked) restoreDraft();
  } finally {
    setRunning(null);
    text.focus();
  }
}

function retry(content: string, isSpoken: boolean, pictures: readonly ChosenPicture[]): void {
  if (running !== null) return;
  if (text.value.trim() === content) text.value = '';
  keepDraft(content);
  void ask(content, isSpoken, pictures);
}

function setRunning(controller: AbortController | null): void {
  running = controller;
  stop.hidden = controller === null;
  send.hidden = controller !== null;
}

async function listenAndAsk(): Promise<void> {
  if (stopListening() || running !== null) return;
  const question = await listen(abilities);
  if (question === '') return;
  text.value = question;
  await ask(takeDraft(), true, takePictures());
}

/** Shows a conversation from its beginning. */
async function open(opened: Chat): Promise<void> {
  running?.abort();
  chat = opened;
  memory.checked = opened.isOnServer;
  clearLog(...(opened.title === '' && greeting !== null ? [greeting] : []));
  chats.setCurrent(opened.title === '' ? null : opened.id);
  listChats();
  if (opened.title === '') return;
  try {
    const messages = await chats.messagesOf(opened);
    if (chat !== opened) return;
    if (messages === null) showNote('The server no longer has this chat.');
    else showMessages(messages);
  } catch (error) {
    showError(`The chat could not be read: ${messageOf(error)}`);
  }
}

function showMessages(messages: readonly KeptMessage[]): void {
  let turn = log;
  for (const { role, content, kept } of messages) {
    if (role === 'user') {
      turn = showTurn(withoutWords(content));
      continue;
    }
    const view = new AnswerView(turn);
    view.add(content);
    const into = turn;
    view.finish(
      '',
      ...(kept === undefined ? [] : [ratingButtons(kept, (error) => showError(error, into))]),
    );
  }
  log.scrollTop = log.scrollHeight;
}

/** What the model was told about pictures is long, and not the user's own. */
function withoutWords(content: string): string {
  return content.replaceAll(/<picture>\n[^]*?\n<\/picture>\n/g, '[picture]\n');
}

function listChats(): void {
  const { id: currentId } = chat;
  const known = chats.listChats();
  elements.chats.replaceChildren(
    ...(known.some(({ id }) => id === currentId) ? [] : [new Option('New chat', '')]),
    ...known.map(({ id, title }) => new Option(title, id, false, id === currentId)),
  );
  elements.deleteChat.disabled = chat.title === '';
}

async function deleteChat(): Promise<void> {
  try {
    await chats.deleteChat(chat);
    await open(chats.newChat(chat.isOnServer));
  } catch (error) {
    showError(`The chat could not be deleted: ${messageOf(error)}`);
  }
}

async function startOver(): Promise<void> {
  await open(chats.newChat(memory.checked));
  text.focus();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (running !== null) return;
  if (text.value.trim() === '' && !hasPictures()) return;
  void ask(takeDraft() || 'Describe the picture.', false, takePictures());
});
text.addEventListener('input', () => keepDraft(text.value));
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  stopListening();
  running?.abort();
});
listenForPictures();
stop.addEventListener('click', () => running?.abort());
talk.addEventListener('click', () => void listenAndAsk());
elements.newChat.addEventListener('click', () => void startOver());
elements.deleteChat.addEventListener('click', () => void deleteChat());
elements.chats.addEventListener('change', () => {
  const chosen = chats.listChats().find(({ id }) => id === elements.chats.value);
  if (chosen !== undefined) void open(chosen);
});
// Where the conversation is kept cannot change in the middle of it.
memory.addEventListener('change', () => void startOver());

restoreDraft();
const failure = await loadModels();
// With a key, what is kept can be read only now.
restoreDraft();
// Somebody may have asked already while the models were listed.
if (running === null && chat.title === '') await open(chats.currentChat() ?? chat);
if (failure !== null) showError(failure);
