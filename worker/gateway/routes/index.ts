/** Every route of the gateway. A new one is a file of this folder and a row here. */
import { chatCompletions } from './chat-completions.ts';
import { completions } from './completions.ts';
import { healthz, readyz } from './health.ts';
import { getModel, listModels } from './models.ts';
import { page } from './page.ts';
import type { Route } from './route.ts';
import { deleteSession, getSession } from './sessions.ts';
import { detokenize, tokenize } from './tokenize.ts';

export const ROUTES: readonly Route[] = [
  page,
  chatCompletions,
  completions,
  listModels,
  getModel,
  tokenize,
  detokenize,
  getSession,
  deleteSession,
  healthz,
  readyz,
];
