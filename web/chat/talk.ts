/** The button Talk: a question is spoken into the microphone. */
import { Microphone } from './audio/microphone.ts';
import { keepDraft } from './draft.ts';
import { needs, talk, text } from './elements.ts';
import { messageOf } from './log.ts';
import type { Abilities } from './models.ts';
import { microphonePermission, missingForTalk } from './talk-needs.ts';

const microphone = new Microphone();

/** Shows the button, and what it lacks. */
export async function offerTalk(abilities: Abilities): Promise<void> {
  const missing = await missingForTalk(abilities);
  talk.classList.toggle('lacking', missing.length > 0);
  talk.title =
    missing.length > 0
      ? `Talk needs: ${missing.join(' ')}`
      : `Ask aloud; the answer is ${abilities.speaks ? 'spoken' : 'shown: there is no voice to speak it'}`;
  talk.hidden = false;
}

/** @returns what was said; '' when nothing was, or when it is told that Talk cannot work. */
export async function listen(abilities: Abilities): Promise<string> {
  const missing = await missingForTalk(abilities);
  if (missing.length > 0) {
    sayNeeds(`Talk needs: ${missing.join(' ')}`);
    return '';
  }
  if ((await microphonePermission()) === 'prompt')
    sayNeeds('The browser asks for the microphone now: allow it, then speak.');
  try {
    return await microphone.listen(
      () => {
        talk.setAttribute('aria-pressed', 'true');
        sayNeeds('');
      },
      (heard) => {
        text.value = heard;
        keepDraft(heard);
      },
    );
  } catch (error) {
    sayNeeds(describeFailure(error));
    return '';
  } finally {
    talk.setAttribute('aria-pressed', 'false');
  }
}

/** @returns whether somebody was speaking. */
export function stopListening(): boolean {
  const { isListening } = microphone;
  microphone.stop();
  return isListening;
}

function sayNeeds(sentence: string): void {
  needs.textContent = sentence;
  needs.hidden = sentence === '';
}

/** By the name of what getUserMedia throws (https://www.w3.org/TR/mediacapture-streams/). */
const FAILURES: Readonly<Record<string, string>> = {
  NotAllowedError:
    'The microphone was not allowed. Allow it in the settings of this site in the browser, then talk again.',
  NotFoundError: 'There is no microphone. Connect one, then talk again.',
  NotReadableError: 'The microphone is used by another program. Close it, then talk again.',
};

function describeFailure(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  return FAILURES[name] ?? messageOf(error);
}
