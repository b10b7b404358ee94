/** Requests and answers of endpoints that OpenAI's SDK does not know, as the server's schemas have them. */

export type MetadataValue = string | number | boolean;
export type Metadata = Record<string, MetadataValue>;

export interface Collection {
  object: 'collection';
  name: string;
  /** Id of the embedding model. */
  model: string;
  dimensions: number;
  chunk_tokens: number;
  created_at: number;
  documents: number;
  chunks: number;
}

export interface CreateCollection {
  /** 1 to 63 lower-case letters, digits, `-` or `_`. */
  name: string;
  /** Default: the server's embedding model. */
  model?: string;
  /** Most tokens of a passage; 16 to 512, default 128. */
  chunk_tokens?: number;
}

export interface NewDocument {
  id: string;
  /** Text; the bytes in base64 of a PDF, DOCX or EPUB file, or of a picture. */
  content: string;
  content_type?:
    | 'text/plain'
    | 'text/markdown'
    | 'text/html'
    | 'text/csv'
    | 'application/pdf'
    | 'application/epub+zip'
    | 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    | 'image/png'
    | 'image/jpeg'
    | 'image/webp'
    | 'image/gif';
  /** Of a picture, what it shows. */
  caption?: string;
  metadata?: Metadata;
}

export interface AddedDocument {
  id: string;
  status: 'added' | 'replaced' | 'failed';
  chunks: number;
  error?: { code: string; message: string };
}

export interface CollectionDocument {
  object: 'collection.document';
  id: string;
  metadata: Metadata;
  characters: number;
  chunks: number;
  created_at: number;
}

/** A value that a field must have, or conditions on it. */
export type Filter = Record<
  string,
  | MetadataValue
  | {
      eq?: MetadataValue;
      ne?: MetadataValue;
      in?: MetadataValue[];
      gt?: number;
      gte?: number;
      lt?: number;
      lte?: number;
    }
>;

export interface SearchOptions {
  /** Default `hybrid`: vectors and words together. */
  mode?: 'hybrid' | 'vector' | 'text';
  /** 1 to 100, default 10. */
  top_k?: number;
  filter?: Filter;
}

export interface SearchResult {
  document: string;
  /** Index of the passage in the document. */
  chunk: number;
  /** Where it lies in the document as it was sent, in UTF-16 units. */
  start: number;
  end: number;
  heading: string;
  text: string;
  /** Pages of a PDF or DOCX file, chapters of an EPUB, rows of a CSV (the header is the first); null in other documents. */
  location: { unit: 'page' | 'chapter' | 'row' | 'picture'; first: number; last: number } | null;
  metadata: Metadata;
  score: number;
  vector_score: number | null;
  text_score: number | null;
  /** Of the model that ranked the passage again; null without one. */
  rerank_score: number | null;
}

export interface SessionMessage {
  role: string;
  content: string;
  tokens: number;
  model: string;
  created_at: number;
}

/** What somebody said of an answer; answers are counted from 1. */
export interface Rating {
  turn: number;
  rating: 'up' | 'down';
  better: string | null;
}

export interface StoredSession {
  object: 'session';
  id: string;
  messages: SessionMessage[];
  /** Whether a model may be trained from it. */
  allow_training: boolean;
  feedback: Rating[];
}

export interface Message {
  role: string;
  content: string;
}

export interface RenderedPrompt {
  prompt: string;
  tokens: number[];
}

/** Fields of every task. */
export interface TaskRequest {
  model?: string;
  max_tokens?: number;
  temperature?: number;
  top_p?: number;
  seed?: number;
}

/** `length`: a part of the answer reached its limit of tokens; `repetition`: a part repeated itself and was ended. */
export type FinishReason = 'stop' | 'length' | 'repetition';

export interface TaskAnswer {
  model: string;
}

export interface Tasks {
  summarize: {
    request: TaskRequest & {
      text: string;
      length?: 'short' | 'medium' | 'long';
      max_words?: number;
      style?: 'paragraph' | 'bullet';
    };
    answer: TaskAnswer & {
      summary: string;
      finish_reason: FinishReason;
      chunks: number;
      rounds: number;
    };
  };
  translate: {
    request: TaskRequest & { text: string; target: string; source?: string };
    answer: TaskAnswer & { translation: string; finish_reason: FinishReason; chunks: number };
  };
  extract: {
    request: TaskRequest & {
      text: string;
      /** JSON Schema that the data satisfy. */
      schema: Record<string, unknown>;
      instruction?: string;
    };
    answer: TaskAnswer & {
      data: unknown;
      finish_reason: FinishReason;
      chunks: number;
      left_out: number;
    };
  };
  classify: {
    request: {
      model?: string;
      /** Or else `image`. */
      text?: string;
      /** A data: URL of a picture, for a model with an image tower. */
      image?: string;
      labels: (string | { label: string; description?: string })[];
      instruction?: string;
      multi_label?: boolean;
      calibrate?: boolean;
    };
    answer: TaskAnswer & {
      label: string | null;
      labels: {
        label: string;
        probability: number;
        likelihood: number;
        prior: number;
        applies: boolean;
      }[];
      chunks: number;
    };
  };
  caption: {
    /** `image`: a data: URL, or an address that the server fetches pictures from. */
    request: TaskRequest & { image: string };
    answer: TaskAnswer & { text: string; finish_reason: FinishReason; images?: unknown[] };
  };
  vqa: {
    request: TaskRequest & { image: string; question: string };
    answer: TaskAnswer & { text: string; finish_reason: FinishReason; images?: unknown[] };
  };
  read: {
    request: { image: string };
    answer: {
      object: string;
      model: string;
      text: string;
      width: number;
      height: number;
      /** Boxes in pixels: left, top, right, bottom. */
      lines: { text: string; score: number; box: number[] }[];
    };
  };
  rewrite: {
    request: TaskRequest & { text: string; instruction?: string; tone?: string };
    answer: TaskAnswer & { text: string; finish_reason: FinishReason; chunks: number };
  };
  answer: {
    request: TaskRequest & {
      question: string;
      passages: string[];
      max_quotes?: number;
      min_gain?: number;
    };
    answer: TaskAnswer & {
      found: boolean;
      answer: string | null;
      quotes: { text: string; passage: number; start: number; end: number; gain: number }[];
      best_gain: number;
      finish_reason: FinishReason;
      sentences: number;
    };
  };
}

export type TaskName = keyof Tasks;
