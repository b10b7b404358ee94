/** Every endpoint of the gateway. A new one is a file of this folder and a row here. */
import { applyTemplate } from './apply-template.ts';
import { chatCompletions } from './chat-completions.ts';
import { completions } from './completions.ts';
import { deleteSession } from './delete-session.ts';
import { detokenize } from './detokenize.ts';
import { docs } from './docs.ts';
import type { Endpoint } from './endpoint.ts';
import { getModel } from './get-model.ts';
import { getSession } from './get-session.ts';
import { healthz } from './healthz.ts';
import { listModels } from './list-models.ts';
import { metrics } from './metrics.ts';
import { openapi } from './openapi.ts';
import { page } from './page.ts';
import { readyz } from './readyz.ts';
import { tokenize } from './tokenize.ts';

export const ENDPOINTS: readonly Endpoint[] = [
  chatCompletions,
  completions,
  listModels,
  getModel,
  tokenize,
  detokenize,
  applyTemplate,
  getSession,
  deleteSession,
  page,
  docs,
  openapi,
  metrics,
  healthz,
  readyz,
];
