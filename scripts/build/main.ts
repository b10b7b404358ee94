/** `npm run build [-- --force]` */
import process from 'node:process';
import { errorToRecord } from '../../engine/base/errors.ts';
import { build } from './build.ts';

try {
  const force = process.argv.includes('--force');
  const { built } = await build({ force, onStep: (text) => console.error(`build: ${text}`) });
  console.log(built.length === 0 ? 'dist/ is up to date' : `built ${built.join(', ')}`);
} catch (error) {
  console.error(`error: ${errorToRecord(error).message}`);
  process.exitCode = 1;
}
