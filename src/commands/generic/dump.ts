/** DUMP: a value as bytes that RESTORE, here or on a Redis, makes a value again. */
import { key } from '../../command/args.ts';
import { UNCHANGED } from '../../command/effect.ts';
import { shardCommand } from '../../command/spec.ts';
import { MISSING } from '../../engine/database.ts';
import { dumpPayload } from '../../rdb/payload.ts';
import { RdbWriter } from '../../rdb/writer.ts';
import { find } from '../keys.ts';

const writer = new RdbWriter();

export const dump = shardCommand({
  name: 'DUMP',
  summary: 'The value of a key as bytes from which it can be made again, elsewhere too.',
  since: '2.6.0',
  complexity: 'O(N), N being the bytes of the value; a string past 20 bytes is compressed.',
  group: 'generic',
  flags: ['readonly'],
  categories: ['keyspace'],
  tips: ['nondeterministic_output'],
  args: { key: key('RO', 'access') },
  run({ key }, call, out) {
    const ref = find(call, key);
    if (ref === MISSING) {
      out.null();
      return UNCHANGED;
    }
    const isWhole = dumpPayload(call.database, ref, writer, out.replyBytesMax);
    if (isWhole) out.bulk(writer.bytes, 0, writer.length);
    else out.overflow();
    writer.reset();
    return UNCHANGED;
  },
});
