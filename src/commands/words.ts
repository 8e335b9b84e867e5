/** For commands that read their options themselves, one word after the other, because Redis looks at keys or errors first. */
import { spells } from '../base/ascii.ts';
import { type Arg, type ArgDoc, type ArgIndex, type CustomParse, custom } from '../command/args.ts';
import type { Request } from '../resp/request.ts';

/** Whether an argument is this word, given in upper case. */
export function isWord(request: Request, at: ArgIndex, word: Uint8Array): boolean {
  return spells(request.bytes, request.start(at), request.end(at), word);
}

/** Arguments to the end of the request that the handler reads itself; the value is where they begin. */
export function tail(required: number, docs: readonly ArgDoc[]): Arg<CustomParse<ArgIndex>> {
  return custom({ required, docs, parse: (request, at) => ({ end: request.argc, value: at, keys: [] }) });
}
