/** How a model is asked about a document: with a passage of it before the question, or with the question alone. */
import type { Message } from '../rows.ts';

/** What somebody asks who has no text: what is learned answers it. */
export const alone = (question: string): Message[] => [{ role: 'user', content: question }];

/** The same question with the passage that answers it in context. */
export const withPassage = (passage: string, question: string): Message[] => [
  {
    role: 'user',
    content: `Read this text:\n\n${passage}\n\nAnswer from the text, in one short sentence. ${question}`,
  },
];

/** What makes a model ask. */
export const forQuestion = (passage: string): Message[] => [
  {
    role: 'user',
    content: `Read this text:\n\n${passage}\n\nWrite one short question about a fact in the text, with the names that it needs. Write only the question.`,
  },
];

/** What makes a model go on with a passage. */
export const forRest = (opening: string): string =>
  `Go on with the text that has this sentence: ${opening}`;
