/** Every endpoint of the gateway. A new one is a file of its API's folder and a row here. */
import {
  addConversationItems,
  deleteConversationItem,
  getConversationItem,
  listConversationItems,
} from '../apis/conversations/conversation-items.ts';
import {
  createConversation,
  deleteConversation,
  getConversation,
  updateConversation,
} from '../apis/conversations/conversations.ts';
import {
  deleteChatCompletion,
  getChatCompletion,
  listChatCompletions,
  listChatMessages,
  updateChatCompletion,
} from '../apis/chat/stored/stored-completions.ts';
import { countInputTokens } from '../apis/responses/count-input-tokens.ts';
import { applyTemplate } from '../apis/tokens/apply-template.ts';
import { cancelBatch } from '../apis/batches/cancel-batch.ts';
import { cancelResponse } from '../apis/responses/cancel-response.ts';
import { chatCompletions } from '../apis/chat/chat-completions.ts';
import { addCollectionFile } from '../apis/retrieval/add-file.ts';
import {
  addCollectionDocuments,
  deleteCollectionDocument,
  getCollectionDocument,
  listCollectionDocuments,
  searchCollectionEndpoint,
} from '../apis/retrieval/collection-documents.ts';
import {
  createCollection,
  deleteCollection,
  getCollection,
  listCollections,
} from '../apis/retrieval/collections.ts';
import {
  cancelJob,
  createJob,
  getJob,
  listJobCheckpoints,
  listJobEvents,
  listJobs,
  pauseJob,
  resumeJob,
} from '../apis/fine-tuning/jobs.ts';
import { cohereEmbed } from '../apis/cohere/embed.ts';
import { cohereRerank } from '../apis/cohere/rerank.ts';
import { completions } from '../apis/completions/completions.ts';
import { countTokens } from '../apis/messages/count-tokens.ts';
import {
  createVectorStore,
  deleteVectorStore,
  getVectorStore,
  listVectorStores,
  searchVectorStore,
  updateVectorStore,
} from '../apis/vector-stores/vector-stores.ts';
import {
  addVectorStoreFile,
  deleteVectorStoreFile,
  getVectorStoreFile,
  listVectorStoreFiles,
  updateVectorStoreFile,
} from '../apis/vector-stores/vector-store-files.ts';
import { createBatch } from '../apis/batches/create-batch.ts';
import { createFile } from '../apis/files/create-file.ts';
import { labelImage } from '../apis/images/label-image.ts';
import { createModeration } from '../apis/moderations/create-moderation.ts';
import { createResponse } from '../apis/responses/create-response.ts';
import { createSpeech } from '../apis/audio/create-speech.ts';
import { deleteFile } from '../apis/files/delete-file.ts';
import { deleteResponse } from '../apis/responses/delete-response.ts';
import { deleteSession } from '../apis/sessions/delete-session.ts';
import { deleteSubject } from '../apis/subjects/delete-subject.ts';
import { detectWatermark } from '../apis/watermark/detect-watermark.ts';
import { detokenize } from '../apis/tokens/detokenize.ts';
import { docs } from '../apis/server/docs.ts';
import { embeddings } from '../apis/embeddings/embeddings.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { exportSubject } from '../apis/subjects/export-subject.ts';
import type { GatewayEnv } from './env.ts';
import { getBatch } from '../apis/batches/get-batch.ts';
import { getFile } from '../apis/files/get-file.ts';
import { getFileContent } from '../apis/files/get-file-content.ts';
import { getModel } from '../apis/models/get-model.ts';
import { getResponse } from '../apis/responses/get-response.ts';
import { listFeedback } from '../apis/sessions/list-feedback.ts';
import { rateTurn } from '../apis/sessions/rate-turn.ts';
import { unrateTurn } from '../apis/sessions/unrate-turn.ts';
import { updateSession } from '../apis/sessions/update-session.ts';
import { getSession } from '../apis/sessions/get-session.ts';
import { healthz } from '../apis/server/healthz.ts';
import { listBackup } from '../apis/backup/list-backup.ts';
import { listBatches } from '../apis/batches/list-batches.ts';
import { listFiles } from '../apis/files/list-files.ts';
import { listInputItems } from '../apis/responses/list-input-items.ts';
import { listModels } from '../apis/models/list-models.ts';
import { getMessageBatchResults } from '../apis/messages/batches/message-batch-results.ts';
import {
  cancelMessageBatch,
  createMessageBatch,
  deleteMessageBatch,
  getMessageBatch,
  listMessageBatches,
} from '../apis/messages/batches/message-batches.ts';
import { mcp } from '../apis/mcp/mcp.ts';
import { messages } from '../apis/messages/messages.ts';
import { metrics } from '../apis/server/metrics.ts';
import { llamaCompletion, llamaInfill } from '../apis/llama-cpp/completion.ts';
import { health, llamaProps, ping, version } from '../apis/llama-cpp/props.ts';
import { llamaEmbedding } from '../apis/llama-cpp/embedding.ts';
import { llamaSlots } from '../apis/llama-cpp/slots.ts';
import { ollamaChat } from '../apis/ollama/chat.ts';
import { ollamaDelete, ollamaPull } from '../apis/ollama/manage.ts';
import { ollamaEmbed } from '../apis/ollama/embed.ts';
import { ollamaGenerate } from '../apis/ollama/generate.ts';
import { ollamaPs, ollamaTags } from '../apis/ollama/list-models.ts';
import { ollamaShow } from '../apis/ollama/show.ts';
import { ollamaVersion } from '../apis/ollama/version.ts';
import { openapi } from '../apis/server/openapi.ts';
import { page } from '../apis/server/page.ts';
import { readyz } from '../apis/server/readyz.ts';
import { readBackup } from '../apis/backup/read-backup.ts';
import { realtimeTranscribe } from '../apis/audio/realtime-transcribe.ts';
import { rerank } from '../apis/embeddings/rerank.ts';
import { answerTask } from '../apis/tasks/answer.ts';
import { captionTask } from '../apis/tasks/caption.ts';
import { classifyTask } from '../apis/tasks/classify.ts';
import { decideTask } from '../apis/tasks/decide.ts';
import { extractTask } from '../apis/tasks/extract.ts';
import { readTask } from '../apis/tasks/read.ts';
import { rewriteTask } from '../apis/tasks/rewrite.ts';
import { summarizeTask } from '../apis/tasks/summarize.ts';
import { translateTask } from '../apis/tasks/translate.ts';
import { vqaTask } from '../apis/tasks/vqa.ts';
import { runOnnx } from '../apis/onnx/run-onnx.ts';
import { tokenize } from '../apis/tokens/tokenize.ts';
import { transcriptions } from '../apis/audio/transcriptions.ts';
import { translations } from '../apis/audio/translations.ts';
import { writeBackup } from '../apis/backup/write-backup.ts';
import { vllmClassify } from '../apis/vllm/classify.ts';
import { vllmPooling, vllmScore } from '../apis/vllm/score.ts';
import { webSocket } from '../apis/websocket/websocket.ts';

export const ENDPOINTS: readonly Endpoint<GatewayEnv>[] = [
  chatCompletions,
  listChatCompletions,
  getChatCompletion,
  updateChatCompletion,
  deleteChatCompletion,
  listChatMessages,
  completions,
  llamaCompletion,
  llamaInfill,
  createResponse,
  getResponse,
  deleteResponse,
  cancelResponse,
  listInputItems,
  countInputTokens,
  createConversation,
  getConversation,
  updateConversation,
  deleteConversation,
  addConversationItems,
  listConversationItems,
  getConversationItem,
  deleteConversationItem,
  messages,
  countTokens,
  createMessageBatch,
  listMessageBatches,
  getMessageBatch,
  getMessageBatchResults,
  cancelMessageBatch,
  deleteMessageBatch,
  ollamaChat,
  ollamaGenerate,
  ollamaEmbed,
  ollamaTags,
  ollamaPs,
  ollamaShow,
  ollamaPull,
  ollamaDelete,
  ollamaVersion,
  summarizeTask,
  translateTask,
  extractTask,
  captionTask,
  vqaTask,
  classifyTask,
  decideTask,
  readTask,
  rewriteTask,
  answerTask,
  embeddings,
  rerank,
  cohereRerank,
  cohereEmbed,
  vllmScore,
  vllmPooling,
  vllmClassify,
  createCollection,
  listCollections,
  getCollection,
  deleteCollection,
  addCollectionDocuments,
  addCollectionFile,
  listCollectionDocuments,
  getCollectionDocument,
  deleteCollectionDocument,
  searchCollectionEndpoint,
  createVectorStore,
  listVectorStores,
  getVectorStore,
  updateVectorStore,
  deleteVectorStore,
  searchVectorStore,
  addVectorStoreFile,
  listVectorStoreFiles,
  getVectorStoreFile,
  updateVectorStoreFile,
  deleteVectorStoreFile,
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
  createJob,
  listJobs,
  getJob,
  cancelJob,
  pauseJob,
  resumeJob,
  listJobEvents,
  listJobCheckpoints,
  transcriptions,
  translations,
  realtimeTranscribe,
  createSpeech,
  createModeration,
  labelImage,
  detectWatermark,
  runOnnx,
  mcp,
  listModels,
  getModel,
  tokenize,
  detokenize,
  applyTemplate,
  getSession,
  updateSession,
  deleteSession,
  rateTurn,
  unrateTurn,
  listFeedback,
  listBackup,
  readBackup,
  writeBackup,
  exportSubject,
  deleteSubject,
  page,
  docs,
  openapi,
  metrics,
  healthz,
  health,
  ping,
  version,
  llamaProps,
  llamaSlots,
  llamaEmbedding,
  readyz,
];
