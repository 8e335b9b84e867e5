/** A reply as redis-cli shows it on a terminal: what transcripts are written in. */
import { latin1 } from '../../src/base/bytes.ts';
import type { Reply } from '../../src/resp/reply-reader.ts';

export function renderReply(reply: Reply, indent = ''): string {
  switch (reply.kind) {
    case 'simple':
      return reply.text;
    case 'error':
      return `(error) ${reply.text}`;
    case 'integer':
      return `(integer) ${reply.value}`;
    case 'bulk':
      return quoted(reply.bytes);
    case 'null':
      return '(nil)';
    case 'double':
      return `(double) ${reply.text}`;
    case 'boolean':
      return `(${reply.value})`;
    case 'bigNumber':
      return reply.text;
    case 'verbatim':
      return latin1(reply.bytes);
    case 'array':
      return items(reply.items, ')', '(empty array)', indent);
    case 'set':
      return items(reply.items, '~', '(empty set)', indent);
    case 'push':
      return items(reply.items, ')', '(empty push)', indent);
    case 'map':
      return pairs(reply.entries, '(empty hash)', indent);
    case 'attributed':
      return `${pairs(reply.entries, '', indent)}\n${indent}${renderReply(reply.value, indent)}`;
  }
}

function items(replies: readonly Reply[], mark: string, empty: string, indent: string): string {
  if (replies.length === 0) return empty;
  const width = `${replies.length}`.length;
  const inner = indent + ' '.repeat(width + 2);
  return replies
    .map((item, i) => `${i === 0 ? '' : indent}${`${i + 1}`.padStart(width)}${mark} ${renderReply(item, inner)}`)
    .join('\n');
}

function pairs(entries: readonly (readonly [Reply, Reply])[], empty: string, indent: string): string {
  if (entries.length === 0) return empty;
  const width = `${entries.length}`.length;
  const inner = indent + ' '.repeat(width + 2);
  return entries
    .map(([key, value], i) => {
      const head = `${i === 0 ? '' : indent}${`${i + 1}`.padStart(width)}# `;
      return `${head}${renderReply(key, inner)} => ${renderReply(value, inner)}`;
    })
    .join('\n');
}

const escapes: Record<number, string> = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 92: '\\\\' };

/** sdscatrepr of redis. */
export function quoted(bytes: Uint8Array): string {
  let text = '"';
  for (const byte of bytes) {
    const sequence = escapes[byte];
    if (sequence !== undefined) text += sequence;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${text}"`;
}
