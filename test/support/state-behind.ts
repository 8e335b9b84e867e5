/** The state of a server behind a connection, as `stateOf` tells it. */
import type { RespClient } from './resp-client.ts';
import { stateOf } from './state.ts';
import type { Words } from './words.ts';

/** The same through a connection: every question first, then the state out of the answers. */
export async function stateBehind(client: RespClient, databases = 16): Promise<string[]> {
  const answers = new Map<string, Uint8Array>();
  // stateOf asks synchronously: what it needs and has not got is fetched, until nothing is missing.
  for (;;) {
    const missing: Words[] = [];
    let selected: Words = ['SELECT', '0'];
    const lines = stateOf((words) => {
      if (words[0] === 'SELECT') selected = words;
      const name = JSON.stringify([selected, words]);
      const known = answers.get(name);
      if (known !== undefined) return known;
      missing.push(selected, words);
      answers.set(name, NOTHING);
      return placeholder(words);
    }, databases);
    if (missing.length === 0) return lines;
    const replies = await client.pipeline(missing);
    for (let i = 1; i < missing.length; i += 2) {
      answers.set(JSON.stringify([missing[i - 1], missing[i]]), replies[i] as Uint8Array);
    }
  }
}

const NOTHING = new Uint8Array(0);

function placeholder(words: Words): Uint8Array {
  const text = words[0] === 'TYPE' ? '+none\r\n' : '*0\r\n';
  return new Uint8Array(Buffer.from(text));
}
