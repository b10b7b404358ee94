/** All that is served, with the pages that only the bundle can import. */
import { ENDPOINTS } from './endpoints.ts';
import type { Site } from '../http/endpoint.ts';
import chatPage from '../../web/chat.html';
import docsPage from '../../web/docs.html';

export const SITE: Site = { endpoints: ENDPOINTS, pages: { chat: chatPage, docs: docsPage } };
