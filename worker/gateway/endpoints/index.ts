/** Every endpoint of the gateway. A new one is a file of this folder and a row here. */
import { applyTemplate } from './apply-template.ts';
import { cancelBatch } from './cancel-batch.ts';
import { cancelResponse } from './cancel-response.ts';
import { chatCompletions } from './chat-completions.ts';
import {
  addCollectionDocuments,
  deleteCollectionDocument,
  getCollectionDocument,
  listCollectionDocuments,
  searchCollectionEndpoint,
} from './collection-documents.ts';
import {
  createCollection,
  deleteCollection,
  getCollection,
  listCollections,
} from './collections.ts';
import { completions } from './completions.ts';
import { countTokens } from './count-tokens.ts';
import { createBatch } from './create-batch.ts';
import { createFile } from './create-file.ts';
import { createModeration } from './create-moderation.ts';
import { createResponse } from './create-response.ts';
import { createSpeech } from './create-speech.ts';
import { deleteFile } from './delete-file.ts';
import { deleteResponse } from './delete-response.ts';
import { deleteSession } from './delete-session.ts';
import { detokenize } from './detokenize.ts';
import { docs } from './docs.ts';
import { embeddings } from './embeddings.ts';
import type { Endpoint } from './endpoint.ts';
import { getBatch } from './get-batch.ts';
import { getFile } from './get-file.ts';
import { getFileContent } from './get-file-content.ts';
import { getModel } from './get-model.ts';
import { getResponse } from './get-response.ts';
import { getSession } from './get-session.ts';
import { healthz } from './healthz.ts';
import { listBatches } from './list-batches.ts';
import { listFiles } from './list-files.ts';
import { listInputItems } from './list-input-items.ts';
import { listModels } from './list-models.ts';
import { messages } from './messages.ts';
import { metrics } from './metrics.ts';
import { openapi } from './openapi.ts';
import { page } from './page.ts';
import { readyz } from './readyz.ts';
import { realtimeTranscribe } from './realtime-transcribe.ts';
import { rerank } from './rerank.ts';
import { answerTask } from './task-answer.ts';
import { classifyTask } from './task-classify.ts';
import { extractTask } from './task-extract.ts';
import { rewriteTask } from './task-rewrite.ts';
import { summarizeTask } from './task-summarize.ts';
import { translateTask } from './task-translate.ts';
import { runOnnx } from './run-onnx.ts';
import { tokenize } from './tokenize.ts';
import { transcriptions } from './transcriptions.ts';
import { translations } from './translations.ts';
import { webSocket } from './websocket.ts';

export const ENDPOINTS: readonly Endpoint[] = [
  chatCompletions,
  completions,
  createResponse,
  getResponse,
  deleteResponse,
  cancelResponse,
  listInputItems,
  messages,
  countTokens,
  summarizeTask,
  translateTask,
  extractTask,
  classifyTask,
  rewriteTask,
  answerTask,
  embeddings,
  rerank,
  createCollection,
  listCollections,
  getCollection,
  deleteCollection,
  addCollectionDocuments,
  listCollectionDocuments,
  getCollectionDocument,
  deleteCollectionDocument,
  searchCollectionEndpoint,
  webSocket,
  createFile,
  listFiles,
  getFile,
  getFileContent,
  deleteFile,
  createBatch,
  listBatches,
  getBatch,
  cancelBatch,
  transcriptions,
  translations,
  realtimeTranscribe,
  createSpeech,
  createModeration,
  runOnnx,
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
