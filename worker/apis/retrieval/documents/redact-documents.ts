/** Texts and metadata of documents, redacted before they are stored. Nothing keeps what the placeholders stand for. */
import { mapStrings } from '../../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../../serving/redaction/redactor.ts';
import type { IncomingDocument } from './add-documents.ts';

export async function redactDocuments(
  redactor: Redactor | null,
  documents: readonly IncomingDocument[],
): Promise<readonly IncomingDocument[]> {
  if (redactor === null) return documents;
  const redact = (text: string): Promise<string> => redactor.redact(text);
  const redacted: IncomingDocument[] = [];
  for (const document of documents)
    redacted.push({
      ...document,
      content: await redact(document.content),
      metadata: (await mapStrings(
        document.metadata,
        redact,
        () => true,
      )) as typeof document.metadata,
    });
  return redacted;
}
