/**
 * Messages as they stand on the wire. Each is encoded once per protocol in memory of exactly its size, which all
 * subscribers share and which may wait for slow readers: nothing else hangs on to it.
 *
 * Hot path: once per publish. Budget 300 ns; guarded by `pubsub` of `npm run bench`.
 */
import { bytesOfLatin1, copyRange } from '../base/bytes.ts';
import { integerLength, writeInteger } from '../base/integer.ts';

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24;
const STAR = 0x2a;
const GREATER = 0x3e;
/** Marker, and CRLF behind the length and behind the bytes. */
const BULK_BYTES = 5;

const MESSAGE = bytesOfLatin1('*3\r\n$7\r\nmessage\r\n');
const SHARD_MESSAGE = bytesOfLatin1('*3\r\n$8\r\nsmessage\r\n');
const PATTERN_MESSAGE = bytesOfLatin1('*4\r\n$8\r\npmessage\r\n');

function bulkBytes(length: number): number {
  return BULK_BYTES + integerLength(length) + length;
}

function writeBulk(into: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  into[at] = DOLLAR;
  let next = writeInteger(into, at + 1, end - start);
  into[next] = CR;
  into[next + 1] = LF;
  next += 2;
  copyRange(bytes, start, end, into, next);
  next += end - start;
  into[next] = CR;
  into[next + 1] = LF;
  return next + 2;
}

/** One message to one channel, in every form that its subscribers may need. Reused from publish to publish. */
export class Message {
  private channel: Uint8Array;
  private channelStart: number;
  private channelEnd: number;
  private content: Uint8Array;
  private contentStart: number;
  private contentEnd: number;

  constructor() {
    this.channel = MESSAGE;
    this.channelStart = 0;
    this.channelEnd = 0;
    this.content = MESSAGE;
    this.contentStart = 0;
    this.contentEnd = 0;
  }

  setChannel(bytes: Uint8Array, start: number, end: number): void {
    this.channel = bytes;
    this.channelStart = start;
    this.channelEnd = end;
  }

  setContent(bytes: Uint8Array, start: number, end: number): void {
    this.content = bytes;
    this.contentStart = start;
    this.contentEnd = end;
  }

  /** The bytes belong to a request, whose memory nobody may hold on to. */
  release(): void {
    this.channel = MESSAGE;
    this.content = MESSAGE;
  }

  encode(protocol: 2 | 3, isShard: boolean): Uint8Array {
    return this.compose(protocol, isShard ? SHARD_MESSAGE : MESSAGE, undefined);
  }

  encodeMatch(protocol: 2 | 3, pattern: Uint8Array): Uint8Array {
    return this.compose(protocol, PATTERN_MESSAGE, pattern);
  }

  private compose(protocol: 2 | 3, head: Uint8Array, pattern: Uint8Array | undefined): Uint8Array {
    const { channel, channelStart, channelEnd, content, contentStart, contentEnd } = this;
    const patternBytes = pattern === undefined ? 0 : bulkBytes(pattern.length);
    const size =
      head.length + patternBytes + bulkBytes(channelEnd - channelStart) + bulkBytes(contentEnd - contentStart);
    // A Buffer, as sockets make one of anything else at every write; not one of a slab, which it would keep alive.
    const bytes = Buffer.allocUnsafeSlow(size);
    bytes.set(head);
    bytes[0] = protocol === 2 ? STAR : GREATER;
    let at = head.length;
    if (pattern !== undefined) at = writeBulk(bytes, at, pattern, 0, pattern.length);
    at = writeBulk(bytes, at, channel, channelStart, channelEnd);
    writeBulk(bytes, at, content, contentStart, contentEnd);
    return bytes;
  }
}
