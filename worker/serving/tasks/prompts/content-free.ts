/**
 * Stand-ins for a text that say nothing: what a model makes of them is its bias (Zhao et al. 2021,
 * arXiv 2102.09690, section 5).
 */
export const CONTENT_FREE_TEXTS = ['N/A', '[MASK]', ''] as const;
