/** A model in this process as the host of tasks, as in the gateway. */
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import { tokenVocabulary } from '../../engine/text/token-vocabulary.ts';
import { TRIGGERS } from '../../worker/serving/output/tool-formats.ts';
import { unplaced } from '../../worker/serving/models/model-names.ts';
import type { TaskHost } from '../../worker/serving/tasks/task-model.ts';
import type { LocalModel } from './engine.ts';

export function localTaskHost(
  { engine, manifest, tokenizer }: LocalModel,
  signal: AbortSignal,
): TaskHost {
  const vocabulary = tokenVocabulary(tokenizer, manifest.config.nVocab, TRIGGERS);
  if (!engine.hasVocabulary) engine.setVocabulary(vocabulary);
  const template = new ChatTemplate(manifest.chatTemplate);
  return {
    model: {
      ...{ id: manifest.id, version: 'local', manifest, tokenizer },
      named: unplaced(manifest.id),
      chatTemplate: () => template,
      vocabulary: () => Promise.resolve(vocabulary.parts),
    },
    nCtx: engine.nCtx,
    signal,
    run: (request, ended) => engine.generate(request, ended),
  };
}
