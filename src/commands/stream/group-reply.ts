/** What several commands tell of a group. */
import { nameLengthOf, nameStartOf } from '../../engine/member.ts';
import type { Stream } from '../../engine/types/stream.ts';
import { type Group, UNKNOWN_READ } from '../../engine/types/stream-group.ts';
import { lagOf } from '../../engine/types/stream-progress.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';

/** The name of a group or a consumer. */
export function writeName(out: ReplyWriter, { ground: { arena } }: Stream, name: number): void {
  const start = nameStartOf(arena, name);
  out.bulk(arena.bytesOf(name), start, start + nameLengthOf(arena, name));
}

/** entries-read and lag, as signed 64-bit numbers. */
export function tellProgress(stream: Stream, group: Group, out: ReplyWriter): void {
  out.bulkText('entries-read');
  if (group.entriesRead === UNKNOWN_READ) out.null();
  else out.integer(BigInt.asIntN(64, group.entriesRead));
  out.bulkText('lag');
  const lag = lagOf(stream, group);
  if (lag === undefined) out.null();
  else out.integer(BigInt.asIntN(64, lag));
}
