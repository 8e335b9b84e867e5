/**
 * What a worker answers in the place of a reply when the client waits: a byte that begins no reply of RESP, and the time
 * that it is willing to wait. The reply itself comes as news.
 */
import type { ReplyWriter } from '../resp/reply-writer.ts';

const MARK = 0;
const BYTES = 1 + 8;

export function writeWaiting(out: ReplyWriter, timeout_ms: number): void {
  const bytes = new Uint8Array(BYTES);
  new DataView(bytes.buffer).setFloat64(1, timeout_ms);
  out.raw(bytes, 0, BYTES);
}

/** The time, or undefined when it is a reply. */
export function readWaiting(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start !== BYTES || bytes[start] !== MARK) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset + start, BYTES).getFloat64(1);
}
