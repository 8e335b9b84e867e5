/**
 * What a connection has to say. Replies of a turn are written into one writer, shared by all connections of the thread
 * because only one of them runs at a time; at the end of the turn they leave in a single write of exactly their size.
 *
 * Hot path: one flush per turn. Budget 300 ns beside the socket; guarded by the P1 rows of `npm run bench`.
 */
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { OutputLimit } from './view.ts';

/** A copy of what the writer holds, in memory of its own: the socket may keep it longer than this turn. */
export function takeCopy(out: ReplyWriter): Buffer {
  const copy = Buffer.allocUnsafe(out.length);
  copy.set(out.buffer.subarray(0, out.length));
  return copy;
}

/** Decides when a reader is too slow. Redis' client-output-buffer-limit. */
export class OutputWatch {
  private softSince_ms = -1;

  /** True when the connection must end. */
  exceeded(pendingBytes: number, limit: OutputLimit, now_ms: number): boolean {
    if (limit.hardBytes > 0 && pendingBytes > limit.hardBytes) return true;
    if (limit.softBytes === 0 || pendingBytes <= limit.softBytes) {
      this.softSince_ms = -1;
      return false;
    }
    if (this.softSince_ms < 0) this.softSince_ms = now_ms;
    return now_ms - this.softSince_ms > 1000 * limit.softSeconds;
  }
}
