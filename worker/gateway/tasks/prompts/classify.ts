import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

export interface Label {
  readonly label: string;
  readonly description?: string | undefined;
}

/** The answer is one of the labels. The text comes first: what is behind it may differ. */
export function classifyPrompt(
  text: string,
  labels: readonly Label[],
  instruction = 'Which label fits the text?',
): ChatMessage[] {
  const list = labels.map(describe).join('\n');
  const content = `Text: ${text}\n\n${instruction} Answer with one of these labels:\n${list}`;
  return [{ role: 'user', content }];
}

/** The answer is one of YES_OR_NO. */
export function appliesPrompt(
  text: string,
  label: Label,
  instruction = 'Does this label fit the text?',
): ChatMessage[] {
  const content = `Text: ${text}\n\n${instruction} Answer Yes or No.\n${describe(label)}`;
  return [{ role: 'user', content }];
}

export const YES_OR_NO = ['Yes', 'No'] as const;

function describe({ label, description }: Label): string {
  return description === undefined ? `- ${label}` : `- ${label}: ${description}`;
}
