/** The reference page: /openapi.json, drawn. */
import { fetchWithKey } from '../access/key.ts';
import { node } from '../dom/node.ts';
import type { OpenApiDocument } from './openapi.ts';
import { drawOperation } from './operation.ts';

function partOfPage(name: 'nav' | 'main'): HTMLElement {
  const found = document.querySelector<HTMLElement>(name);
  if (found === null) throw new Error(`index.html: expected a <${name}>`);
  return found;
}

const nav = partOfPage('nav');
const main = partOfPage('main');

function draw(api: OpenApiDocument): void {
  main.replaceChildren(
    node('h1', {}, api.info.title),
    node('p', {}, api.info.description),
    node('p', {}, node('a', { href: '/openapi.json' }, '/openapi.json')),
  );
  for (const tag of api.tags) {
    const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => operation.tags.includes(tag.name))
        .map(([method, operation]) => ({ path, method, operation })),
    );
    if (operations.length === 0) continue;
    nav.append(node('strong', {}, tag.name));
    main.append(node('h2', {}, tag.name), node('p', {}, tag.description));
    for (const { path, method, operation } of operations) {
      const text = `${method.toUpperCase()} ${path}`;
      nav.append(node('a', { href: `#${operation.operationId}` }, text));
      main.append(drawOperation(api, path, method, operation));
    }
  }
  followWidth();
  document.body.dataset['drawn'] = 'true';
}

/** What is wider than the page scrolls by itself, and then by keyboard, too. */
function followWidth(): void {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries)
      if (target instanceof HTMLElement)
        target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  });
  for (const wide of main.querySelectorAll('.scroll')) observer.observe(wide);
}

try {
  const response = await fetchWithKey('/openapi.json');
  draw((await response.json()) as OpenApiDocument);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  main.replaceChildren(node('p', { role: 'alert' }, `/openapi.json: ${message}`));
}
