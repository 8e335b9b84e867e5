/** TYPE, and the names of types as Redis spells them. */
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import { MISSING, ValueType } from '../../engine/database.ts';

export interface TypeName {
  readonly text: string;
  /** In upper case, to compare with. */
  readonly folded: Uint8Array;
}

function named(text: string): TypeName {
  return { text, folded: bytesOfLatin1(text.toUpperCase()) };
}

const NAMES = new Map<ValueType, TypeName>([
  [ValueType.string, named('string')],
  [ValueType.list, named('list')],
  [ValueType.set, named('set')],
  [ValueType.zset, named('zset')],
  [ValueType.hash, named('hash')],
  [ValueType.stream, named('stream')],
]);
const UNKNOWN = named('unknown');

export function typeName(type: ValueType): TypeName {
  return NAMES.get(type) ?? UNKNOWN;
}

export const type = shardCommand({
  name: 'TYPE',
  summary: 'Names the type of the value at a key.',
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'generic',
  flags: ['readonly', 'fast'],
  categories: ['keyspace'],
  args: { key: key('RO') },
  run({ key }, { request, database }, out) {
    const ref = database.findUntouched(request.bytes, request.start(key), request.end(key));
    out.simple(ref === MISSING ? 'none' : typeName(database.valueType(ref)).text);
    return UNCHANGED;
  },
});
