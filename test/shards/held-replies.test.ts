import { describe, expect, it } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { SHARD_UNAVAILABLE } from '../../src/resp/refusals.ts';
import { HeldReplies } from '../../src/shards/held-replies.ts';

function held(): { replies: HeldReplies; said: string[]; hold: (ticket: number, text: string) => void } {
  const replies = new HeldReplies();
  const said: string[] = [];
  const hold = (ticket: number, text: string) =>
    replies.hold(
      ticket,
      bytesOfLatin1(text),
      0,
      text.length,
      (bytes, start, end) => said.push(latin1(bytes, start, end)),
      (refusal) => said.push(`${text} lost: ${latin1(refusal.bytes).split(' ')[0]}`),
    );
  return { replies, said, hold };
}

describe('replies that are held', () => {
  it('wait for their own ticket: one that has to be synced is not told because a later one was written', () => {
    const { replies, said, hold } = held();
    hold(1, 'to be synced');
    hold(2, 'to be written');
    replies.settled(2, true);
    expect(said).toEqual(['to be written']);
    replies.settled(1, false);
    expect(said).toEqual(['to be written', 'to be synced lost: -MISCONF']);
  });

  it('are refused when their worker is gone, each once', () => {
    const { replies, said, hold } = held();
    hold(1, 'a');
    hold(1, 'b');
    hold(2, 'c');
    expect(replies.failAll(SHARD_UNAVAILABLE)).toBe(3);
    expect(replies.failAll(SHARD_UNAVAILABLE)).toBe(0);
    replies.settled(1, true);
    expect(said).toHaveLength(3);
  });
});
