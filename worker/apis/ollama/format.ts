/** "format" of Ollama's requests. */
import { textFormat } from '../../serving/output/constraint.ts';
import type { FormatSource } from '../../serving/output/constraint.ts';
import type { ChatBody } from './schema.ts';

export function formatOf(format: ChatBody['format']): FormatSource | null {
  if (format == null || format === '') return null;
  if (format === 'json') return textFormat({ type: 'json_object' }, 'format');
  return { kind: 'schema', source: format, param: 'format' };
}
