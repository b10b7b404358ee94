/** What is thought of an answer: two buttons under it. A pressed one, pressed again, takes the rating back. */
import { fetchWithKey } from '../access/key.ts';
import { node } from '../dom/node.ts';
import { readError } from './server.ts';

export type Rating = 'up' | 'down';

/** An answer that the server keeps. */
export interface KeptAnswer {
  readonly session: string;
  /** Number of the answer in its session, from 1. */
  readonly turn: number;
  readonly rating: Rating | null;
}

/** Words, since many systems have no glyph for a thumb. */
const LABELS: readonly { readonly rating: Rating; readonly word: string; readonly says: string }[] =
  [
    { rating: 'up', word: 'Good', says: 'Good answer' },
    { rating: 'down', word: 'Bad', says: 'Bad answer' },
  ];

/** @param onError a rating that the server did not take; the buttons show what it has */
export function ratingButtons(
  { session, turn, rating }: KeptAnswer,
  onError: (error: unknown) => void,
): HTMLElement {
  let rated = rating;
  const buttons = LABELS.map(({ rating: own, word, says }) => {
    const button = node('button', { type: 'button', className: 'rate', title: says }, word);
    button.setAttribute('aria-label', says);
    button.addEventListener('click', () => void change(own));
    return { own, button };
  });
  const show = (isBusy: boolean): void => {
    for (const { own, button } of buttons) {
      button.setAttribute('aria-pressed', String(own === rated));
      // A disabled button would lose the focus of who pressed it.
      button.setAttribute('aria-disabled', String(isBusy));
    }
  };
  let isBusy = false;
  const change = async (pressed: Rating): Promise<void> => {
    if (isBusy) return;
    show((isBusy = true));
    try {
      const wanted = pressed === rated ? null : pressed;
      await send(session, turn, wanted);
      rated = wanted;
    } catch (error) {
      onError(error);
    } finally {
      show((isBusy = false));
    }
  };
  show(false);
  const group = node('span', { className: 'ratings' }, ...buttons.map(({ button }) => button));
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', 'Rate this answer');
  return group;
}

/** @throws {Error} with the server's message */
async function send(session: string, turn: number, rating: Rating | null): Promise<void> {
  const path = `/v1/sessions/${session}/feedback`;
  const response =
    rating === null
      ? await fetchWithKey(`${path}/${turn}`, { method: 'DELETE' })
      : await fetchWithKey(path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ turn, rating }),
        });
  if (!response.ok) throw new Error(await readError(response));
}
