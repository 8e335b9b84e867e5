/** What the tests of streams share: IDs as texts and as the 128-bit numbers they are. */
import { assert } from '../../../src/base/result.ts';
import { ID_INVALID, parseStreamId, STREAM_ID_TEXT_BYTES, StreamId } from '../../../src/engine/types/stream-id.ts';

export function idOf(text: string): StreamId {
  const bytes = Buffer.from(text, 'latin1');
  const id = new StreamId();
  assert(parseStreamId(bytes, 0, bytes.length, id) !== ID_INVALID, `${text} is an ID`);
  return id;
}

export function textOf(id: StreamId): string {
  const bytes = Buffer.alloc(STREAM_ID_TEXT_BYTES);
  return bytes.toString('latin1', 0, id.write(bytes, 0));
}

export function bigOf(id: StreamId): bigint {
  return [id.msHi, id.msLo, id.seqHi, id.seqLo].reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

export function idOfBig(value: bigint): StreamId {
  const word = (shift: bigint) => Number((value >> shift) & 0xffffffffn) | 0;
  return new StreamId(word(96n), word(64n), word(32n), word(0n));
}
