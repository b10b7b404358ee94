/** A model of this process as what tasks run on, the same as in the gateway. */
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import { Vocabulary } from '../../engine/grammar/index.ts';
import { vocabularyOf } from '../../worker/gateway/model-store.ts';
import type { TaskHost } from '../../worker/gateway/tasks/task-model.ts';
import type { LocalModel } from './local-engine.ts';

export function localTaskHost(
  { engine, manifest, tokenizer }: LocalModel,
  signal: AbortSignal,
): TaskHost {
  const vocabulary = vocabularyOf(tokenizer, manifest.config.nVocab);
  if (!engine.hasVocabulary) engine.setVocabulary(new Vocabulary(vocabulary));
  const template = new ChatTemplate(manifest.chatTemplate);
  return {
    model: {
      ...{ id: manifest.id, version: 'local', manifest, tokenizer },
      chatTemplate: () => template,
      vocabulary: () => Promise.resolve(vocabulary),
    },
    nCtx: engine.nCtx,
    signal,
    run: (request, ended) => engine.generate(request, ended),
  };
}
