/** All endpoints, with the pages that only the bundle can import. */
import { ENDPOINTS } from './endpoints.ts';
import type { GatewayEnv } from './env.ts';
import type { RunnableSite } from '../http/dispatch.ts';
import chatPage from '../../web/chat.html';
import docsPage from '../../web/docs.html';

export const SITE: RunnableSite<GatewayEnv> = {
  endpoints: ENDPOINTS,
  pages: { chat: chatPage, docs: docsPage },
};
