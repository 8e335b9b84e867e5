/**
 * Transcripts: a command behind `> `, the reply it must get below, as render.ts writes replies. Lines that begin with `#`
 * are remarks. `! resp3` switches the protocol for what follows, `! ours` marks a file that redis-server 7.0.15 cannot
 * answer. Every file starts from an empty server.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { type Words, wordsOf } from '../support/words.ts';

export interface Exchange {
  readonly line: number;
  readonly protocol: 2 | 3;
  readonly command: string;
  readonly words: Words;
  readonly reply: string;
}

export interface Transcript {
  readonly name: string;
  readonly path: string;
  readonly oursOnly: boolean;
  readonly exchanges: readonly Exchange[];
}

export function transcripts(): Transcript[] {
  const folder = `${import.meta.dirname}/transcripts`;
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => parsed(name, `${folder}/${name}`));
}

function parsed(name: string, path: string): Transcript {
  const exchanges: Exchange[] = [];
  let protocol: 2 | 3 = 2;
  let oursOnly = false;
  let reply: string[] = [];
  let open: Omit<Exchange, 'reply'> | undefined;
  const finish = () => {
    if (open !== undefined) exchanges.push({ ...open, reply: reply.join('\n') });
    open = undefined;
    reply = [];
  };
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (line.startsWith('> ')) {
      finish();
      open = { line: index + 1, protocol, command: line.slice(2), words: wordsOf(line.slice(2)) };
    } else if (line === '! resp3') protocol = 3;
    else if (line === '! ours') oursOnly = true;
    else if (line !== '' && !line.startsWith('#')) reply.push(line);
  }
  finish();
  return { name: name.replace('.txt', ''), path, oursOnly, exchanges };
}
