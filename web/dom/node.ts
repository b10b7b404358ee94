/** Elements as one expression. */

/** An element with the given properties and children. */
export function node<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

export function code(text: string): HTMLElement {
  return node('code', {}, text);
}
