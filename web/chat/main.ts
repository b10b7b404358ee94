/** The chat page: its state, and what its buttons and keys do. */
import { SpokenAnswer } from './audio/spoken-answer.ts';
import { Microphone } from './audio/microphone.ts';
import { answer } from './answer.ts';
import type { ChatMessage } from './chat-stream.ts';
import { Conversation } from './conversation.ts';
import * as elements from './elements.ts';
import { messageOf, show, showError } from './log.ts';
import { listAbilities } from './models.ts';

const { form, log, memory, model, newChat, send, stop, talk, text } = elements;
let conversation = new Conversation();
const microphone = new Microphone();
/** Stops the answer that is being made. */
let running: AbortController | null = null;
/** Whether there is a voice to answer with. */
let canSpeak = false;

async function loadModels(): Promise<void> {
  try {
    const { chatModels, hears, speaks } = await listAbilities();
    model.replaceChildren(...chatModels.map((id) => new Option(id, id)));
    // Browsers leave mediaDevices out of pages that did not come over HTTPS or from this machine.
    talk.hidden = !hears || !('mediaDevices' in navigator);
    canSpeak = speaks;
    if (chatModels.length === 0)
      show('error', 'There is no model yet. Import one, then reload this page.');
  } catch (error) {
    show('error', `The models could not be listed: ${messageOf(error)}`);
  }
}

async function ask(content: string, isSpoken = false): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  setRunning(controller);
  // A new chat may begin meanwhile: this turn belongs to the old one.
  const asked = conversation;
  const question: ChatMessage = { role: 'user', content };
  try {
    const made = await answer({
      request: {
        ...(model.value === '' ? {} : { model: model.value }),
        ...asked.request(question, memory.checked),
      },
      question,
      signal,
      openVoice: isSpoken && canSpeak ? (onSeconds) => new SpokenAnswer(signal, onSeconds) : null,
    });
    // A turn that was stopped is kept here as far as it came; a session forgets it.
    if (made !== '' && !memory.checked) asked.keep(question, made);
  } finally {
    setRunning(null);
    text.focus();
  }
}

function setRunning(controller: AbortController | null): void {
  running = controller;
  stop.hidden = controller === null;
  send.hidden = controller !== null;
}

async function listenAndAsk(): Promise<void> {
  if (microphone.isListening) return microphone.stop();
  if (running !== null) return;
  try {
    const question = await microphone.listen(
      () => talk.setAttribute('aria-pressed', 'true'),
      (heard) => (text.value = heard),
    );
    talk.setAttribute('aria-pressed', 'false');
    if (question === '') return;
    text.value = '';
    await ask(question, true);
  } catch (error) {
    talk.setAttribute('aria-pressed', 'false');
    showError(error);
  }
}

function startOver(): void {
  running?.abort();
  conversation.end();
  conversation = new Conversation();
  log.replaceChildren();
  text.focus();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const question = text.value.trim();
  if (question === '' || running !== null) return;
  text.value = '';
  void ask(question);
});
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  microphone.stop();
  running?.abort();
});
stop.addEventListener('click', () => running?.abort());
talk.addEventListener('click', () => void listenAndAsk());
newChat.addEventListener('click', startOver);
// Where the conversation is kept cannot change in the middle of it.
memory.addEventListener('change', startOver);
void loadModels();
