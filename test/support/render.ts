/** Replies as people read them, close to redis-cli, one line per value. */
import { latin1 } from '../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { shownWord } from './words.ts';

function quoted(bytes: Uint8Array): string {
  const word = shownWord(latin1(bytes));
  return word.startsWith('"') ? word : `"${word}"`;
}

function lines(reply: Reply): string[] {
  switch (reply.kind) {
    case 'array':
    case 'set':
    case 'push': {
      const head = `${reply.kind} of ${reply.items.length}`;
      return [head, ...reply.items.flatMap(lines).map((line) => `  ${line}`)];
    }
    case 'map': {
      const inside = reply.entries.flatMap(([name, value]) => [...lines(name), ...lines(value)]);
      return [`map of ${reply.entries.length}`, ...inside.map((line) => `  ${line}`)];
    }
    default:
      return [scalar(reply)];
  }
}

function scalar(reply: Reply): string {
  if ('bytes' in reply) return quoted(reply.bytes);
  if (reply.kind === 'null') return '(nil)';
  if (reply.kind === 'error') return `(error) ${reply.text}`;
  if ('text' in reply) return reply.text;
  if (reply.kind === 'integer') return `(integer) ${reply.value}`;
  return 'value' in reply ? `(${reply.kind}) ${String(reply.value)}` : reply.kind;
}

export function rendered(bytes: Uint8Array): string {
  const parsed = parseReply(bytes);
  if (parsed === undefined) return `incomplete: ${latin1(bytes)}`;
  return lines(parsed.value).join('\n');
}
