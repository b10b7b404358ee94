/** All that is served, with the pages that only the bundle can import. */
import { ENDPOINTS } from './endpoints/index.ts';
import type { Site } from './endpoints/endpoint.ts';
import chatPage from './page/index.html';
import docsPage from './page/docs.html';

export const SITE: Site = { endpoints: ENDPOINTS, pages: { chat: chatPage, docs: docsPage } };
