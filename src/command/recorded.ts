/** The words of a request as SLOWLOG keeps them: few, short, and without secrets. Texts are one character per byte. */
import { latin1 } from '../base/bytes.ts';
import { SLOWLOG_WORD_BYTES_MAX, SLOWLOG_WORDS_MAX } from '../base/limits.ts';
import type { Request } from '../resp/request.ts';
import type { Command } from './command.ts';
import { REDACTED, secretsOf } from './secrets.ts';

export function recordedWords(command: Command, request: Request): string[] {
  const hides = secretsOf(command.fullName, request);
  const { argc } = request;
  const shown = argc > SLOWLOG_WORDS_MAX ? SLOWLOG_WORDS_MAX - 1 : argc;
  const words: string[] = [];
  for (let i = 0; i < shown; i++) words.push(hides(i) ? REDACTED : trimmed(request, i));
  if (shown < argc) words.push(`... (${argc - shown} more arguments)`);
  return words;
}

function trimmed(request: Request, position: number): string {
  const length = request.length(position);
  if (length <= SLOWLOG_WORD_BYTES_MAX) return request.text(position);
  const start = request.start(position);
  const head = latin1(request.bytes, start, start + SLOWLOG_WORD_BYTES_MAX);
  return `${head}... (${length - SLOWLOG_WORD_BYTES_MAX} more bytes)`;
}
