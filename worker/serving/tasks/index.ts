/** Every task. Its endpoint is a file of worker/apis/tasks, its options are in scripts/commands/options. */
export { answer } from './answer.ts';
export { classify } from './classify.ts';
export { decide } from './decide.ts';
export { extract } from './extract.ts';
export { rewrite } from './rewrite.ts';
export { summarize } from './summarize.ts';
export { translate } from './translate.ts';
