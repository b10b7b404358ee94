/** The templates of `thimble init`: what each adds to the files that all of them share (package/templates/). */

export interface Template {
  /** One sentence: what the project does. */
  readonly summary: string;
  /** Models that `npm run dev` serves beside the text model. */
  readonly also: readonly string[];
  /** Settings of wrangler.toml that differ. */
  readonly vars: Readonly<Record<string, string>>;
  /** A request to try. */
  readonly example: { readonly path: string; readonly body: unknown };
}

export const DEFAULT_TEMPLATE = 'chat';

export const TEMPLATES: Readonly<Record<string, Template>> = {
  chat: {
    summary: 'Conversations that the server keeps.',
    also: [],
    vars: {},
    example: {
      path: '/api/reply',
      body: { message: 'What is the capital of France?', session: 'me' },
    },
  },
  rag: {
    summary: 'Questions answered from documents, with their sources.',
    also: ['all-minilm-l6-v2'],
    vars: {},
    example: { path: '/api/documents', body: { id: 'sea', text: 'The sea is salty.' } },
  },
  voice: {
    summary: 'Texts spoken by a small English voice.',
    also: ['pico-en-us'],
    vars: { VOICE_MODEL: 'pico-en-us' },
    example: { path: '/api/say', body: { text: 'Good morning.' } },
  },
  api: {
    summary: 'An API of its own over a language model: messages sorted by kind.',
    also: [],
    vars: {},
    example: { path: '/api/sort', body: { text: 'Where is my parcel?' } },
  },
};
