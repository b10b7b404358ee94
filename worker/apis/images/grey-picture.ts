/** A picture for examples: a PNG of 2 x 2 grey pixels. */
export const GREY_PICTURE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNoaGBoaAAABgYCAZQ7Q6QAAAAASUVORK5CYII=';
