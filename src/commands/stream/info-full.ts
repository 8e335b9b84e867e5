/** XINFO STREAM … FULL: a group down to every pending entry. */
import { IdPlace } from '../../engine/types/id-tree.ts';
import type { Stream } from '../../engine/types/stream.ts';
import type { Consumer, Group } from '../../engine/types/stream-group.ts';
import { StreamId } from '../../engine/types/stream-id.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { tellProgress, writeName } from './group-reply.ts';
import { writeId } from './value.ts';

const id = new StreamId();
const place = new IdPlace();
const inGroup = new IdPlace();

function tellPending(
  stream: Stream,
  group: Group,
  { pending }: Group | Consumer,
  withConsumer: boolean,
  count: number,
  out: ReplyWriter,
): void {
  out.bulkText('pel-count');
  out.integer(pending.size);
  out.bulkText('pending');
  const handle = out.beginArray();
  let told = 0;
  for (let there = pending.first(place); there && !out.overflowed; there = pending.next(place)) {
    pending.readId(place, id);
    group.pending.find(id, inGroup);
    out.array(withConsumer ? 4 : 3);
    writeId(out, id);
    if (withConsumer) writeName(out, stream, group.consumerAt(inGroup).name);
    out.integer(group.timeAt(inGroup));
    out.integer(group.deliveriesAt(inGroup));
    told++;
    if (told === count) break;
  }
  out.endArray(handle, told);
}

/** Up to `count` pending entries of the group and of each consumer; 0 = all. */
export function tellGroupInFull(stream: Stream, group: Group, count: number, out: ReplyWriter): void {
  out.map(7);
  out.bulkText('name');
  writeName(out, stream, group.name);
  out.bulkText('last-delivered-id');
  writeId(out, group.lastId);
  tellProgress(stream, group, out);
  tellPending(stream, group, group, true, count, out);
  out.bulkText('consumers');
  out.array(group.consumers.length);
  for (const consumer of group.consumers) {
    if (out.overflowed) break;
    out.map(4);
    out.bulkText('name');
    writeName(out, stream, consumer.name);
    out.bulkText('seen-time');
    out.integer(consumer.seen_ms);
    tellPending(stream, group, consumer, false, count, out);
  }
}
