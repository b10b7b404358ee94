/** Pictures that go with the next question: chosen, dropped, pasted or taken, and shown before they are sent. */
import { node } from '../dom/node.ts';
import { listenForCamera } from './camera.ts';
import { addPictures, pictureInput, pictures, text } from './elements.ts';
import { showError } from './log.ts';

/** As the server's bounds for a request (docs/vision.md). */
const MAX_PICTURES = 8;
const MAX_BYTES = 8 * 1024 * 1024;

export interface ChosenPicture {
  readonly name: string;
  /** A data: URL. */
  readonly url: string;
}

let chosen: readonly ChosenPicture[] = [];

export function hasPictures(): boolean {
  return chosen.length > 0;
}

/** Those of the next question, which has them now. */
export function takePictures(): readonly ChosenPicture[] {
  const taken = chosen;
  setPictures([]);
  return taken;
}

/** Puts pictures back, after a question that was not answered. */
export function setPictures(next: readonly ChosenPicture[]): void {
  chosen = next;
  pictures.hidden = next.length === 0;
  pictures.replaceChildren(
    ...next.map((picture) => {
      const remove = node('button', { type: 'button' }, 'Remove');
      remove.setAttribute('aria-label', `Remove ${picture.name}`);
      remove.addEventListener('click', () => {
        setPictures(chosen.filter((other) => other !== picture));
        text.focus();
      });
      return node('figure', {}, thumbnail(picture), remove);
    }),
  );
}

export function thumbnail({ name, url }: ChosenPicture): HTMLImageElement {
  return node('img', { src: url, alt: name, className: 'thumbnail' });
}

/** Listens to the buttons, to drops anywhere on the page, and to the clipboard. */
export function listenForPictures(): void {
  void listenForCamera((file) => add([file]));
  addPictures.addEventListener('click', () => pictureInput.click());
  pictureInput.addEventListener('change', () => {
    void add([...(pictureInput.files ?? [])]);
    pictureInput.value = '';
  });
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    void add([...(event.dataTransfer?.files ?? [])]);
  });
  text.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    void add(files);
  });
}

async function add(files: readonly File[]): Promise<void> {
  for (const file of files) {
    const name = file.name === '' ? 'picture' : file.name;
    if (!file.type.startsWith('image/')) showError(`${name} is not a picture.`);
    else if (file.size > MAX_BYTES) showError(`${name} is larger than 8 MB.`);
    else if (chosen.length >= MAX_PICTURES) showError(`At most ${MAX_PICTURES} pictures at once.`);
    else setPictures([...chosen, { name, url: await dataUrlOf(file) }]);
  }
  text.focus();
}

async function dataUrlOf(file: File): Promise<string> {
  const reader = new FileReader();
  const done = new Promise<void>((resolve, reject) => {
    reader.addEventListener('load', () => resolve());
    reader.addEventListener('error', () => reject(new Error(`${file.name} could not be read.`)));
  });
  reader.readAsDataURL(file);
  await done;
  return typeof reader.result === 'string' ? reader.result : '';
}
