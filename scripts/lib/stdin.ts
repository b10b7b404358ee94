/** Standard input as one text. */
import process from 'node:process';

export async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('(type the text, then Ctrl-D)\n');
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  // The newline that a shell's echo adds is not part of the text.
  return text.replace(/\r?\n$/, '');
}
