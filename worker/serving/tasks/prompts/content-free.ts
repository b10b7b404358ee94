/**
 * Placeholders for a text, without content: a model's answers to them are its bias (Zhao et al. 2021,
 * arXiv 2102.09690, section 5).
 */
export const CONTENT_FREE_TEXTS = ['N/A', '[MASK]', ''] as const;
