/** The result of a tool as the text that a model reads. */
import type { ToolResult } from './protocol.ts';

/** Texts, with a note for each part that no model here reads. */
export function resultText({ content, structuredContent }: ToolResult): string {
  const parts = content.map((part) => {
    if (part.type === 'text' && typeof part['text'] === 'string') return part['text'];
    if (part.type === 'resource_link' && typeof part['uri'] === 'string') return part['uri'];
    const text = embeddedText(part['resource']);
    return text ?? `[${part.type.slice(0, 40)}: left out]`;
  });
  const isEmpty = parts.length === 0 && structuredContent !== undefined;
  return (isEmpty ? JSON.stringify(structuredContent) : parts.join('\n')).toWellFormed();
}

function embeddedText(resource: unknown): string | null {
  if (typeof resource !== 'object' || resource === null || !('text' in resource)) return null;
  return typeof resource.text === 'string' ? resource.text : null;
}

/** @param most characters that are left @returns the text with a note where it was cut */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const note = `\n[cut: ${text.length - most} more characters]`;
  return text.slice(0, most).toWellFormed() + note;
}
