/** Every task. Its endpoint is a file of ../endpoints, its command a row of scripts/commands/task.ts. */
export { answer } from './answer.ts';
export { classify } from './classify.ts';
export { extract } from './extract.ts';
export { rewrite } from './rewrite.ts';
export { summarize } from './summarize.ts';
export { translate } from './translate.ts';
