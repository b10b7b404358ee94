/** A button that copies a text. */
import { node } from './node.ts';

/** How long the button says that it has copied. */
const SAID_MS = 1500;

/** @param read the text at the moment of the click */
export function copyButton(label: string, read: () => string): HTMLButtonElement {
  const button = node('button', { type: 'button', className: 'copy' }, label);
  button.addEventListener('click', () => {
    void copy(read()).then((isCopied) => {
      button.textContent = isCopied ? 'Copied' : 'The browser does not allow copying';
      setTimeout(() => (button.textContent = label), SAID_MS);
    });
  });
  return button;
}

/** Browsers leave the clipboard out of pages that came over plain HTTP from another machine. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
