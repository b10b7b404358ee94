/** Texts and metadata of documents, redacted before they are stored. Nothing keeps what the placeholders stand for. */
import type { Section } from '../../../documents/sections.ts';
import { mapStrings } from '../../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../../serving/redaction/redactor.ts';
import type { OpenDocument } from './open-document.ts';

export async function redactDocument(
  redactor: Redactor | null,
  document: OpenDocument,
): Promise<OpenDocument> {
  if (redactor === null) return document;
  const redact = (text: string): Promise<string> => redactor.redact(text);
  const sections: Section[] = [];
  for (const { heading, text, location } of document.sections)
    sections.push({ heading: await redact(heading), text: await redact(text), location });
  return {
    ...document,
    sections,
    metadata: (await mapStrings(document.metadata, redact, () => true)) as typeof document.metadata,
  };
}
