/** The parts of index.html that the scripts use. */

function byId<E extends HTMLElement>(id: string, type: new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`index.html: expected a ${type.name} with the id ${id}`);
}

export const log = byId('log', HTMLElement);
export const form = byId('form', HTMLFormElement);
export const text = byId('text', HTMLTextAreaElement);
export const model = byId('model', HTMLSelectElement);
export const memory = byId('memory', HTMLInputElement);
export const chats = byId('chats', HTMLSelectElement);
export const newChat = byId('new', HTMLButtonElement);
export const deleteChat = byId('delete', HTMLButtonElement);
export const pictures = byId('pictures', HTMLElement);
export const pictureInput = byId('picture-input', HTMLInputElement);
export const addPictures = byId('add-pictures', HTMLButtonElement);
export const openCamera = byId('open-camera', HTMLButtonElement);
export const camera = byId('camera', HTMLDialogElement);
export const cameraView = byId('camera-view', HTMLVideoElement);
export const cameraTake = byId('camera-take', HTMLButtonElement);
export const cameraClose = byId('camera-close', HTMLButtonElement);
export const needs = byId('needs', HTMLElement);
export const talk = byId('talk', HTMLButtonElement);
export const send = byId('send', HTMLButtonElement);
export const stop = byId('stop', HTMLButtonElement);
