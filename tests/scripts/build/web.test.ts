/** The pages as the build makes them: one file each, nothing to fetch. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inlinePage } from '../../../scripts/build/web.ts';
import { distDir } from '../../../scripts/lib/paths.ts';

const HTML = `<!doctype html>
<head>
  <link rel="stylesheet" href="style.css" />
</head>
<body>
  <p>one
    two</p>
  <script type="module" src="main.ts"></script>
</body>
`;

test('style and script stand where their links were, to the letter', () => {
  const page = inlinePage(HTML, { style: 'p{margin:0}', script: "'$& $1'.replace(/$/,'$$')" });
  expect(page).toBe(`<!doctype html>
<head>
<style>p{margin:0}</style>
</head>
<body>
<p>one
two</p>
<script type="module">'$& $1'.replace(/$/,'$$')</script>
</body>
`);
});

test.each([
  ['no link', HTML.replace('<link', '<meta')],
  ['two scripts', HTML.replace('</body>', '<script type="module" src="main.ts"></script></body>')],
])('a page with %s is refused', (_, html) => {
  expect(() => inlinePage(html, { style: '', script: '' })).toThrow(/expected one <(link|script)/);
});

test.each(['chat', 'docs'])('%s.html asks for no other file', (page) => {
  const html = readFileSync(join(distDir, 'web', `${page}.html`), 'utf8');
  expect(html).toMatch(/<style>[\s\S]{100,}<\/style>/);
  expect(html).toMatch(/<script type="module">[\s\S]{1000,}<\/script>/);
  expect(html).not.toMatch(/<(script|link|img)[^>]* (src|href)="(?!data:)/);
});
