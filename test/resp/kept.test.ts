/** Requests that outlive the chunk they came in. */
import { describe, expect, it } from 'vitest';
import { Request } from '../../src/resp/request.ts';
import { RequestList } from '../../src/resp/request-list.ts';

function words(request: Request): string[] {
  return Array.from({ length: request.argc }, (_, i) => request.text(i));
}

describe('a request that is kept', () => {
  it('has the same words in memory of its own', () => {
    const request = Request.of('BLPOP', 'a list', '', 'v'.repeat(100), '0');
    const kept = request.kept();
    request.bytes.fill(0);
    expect(words(kept)).toEqual(['BLPOP', 'a list', '', 'v'.repeat(100), '0']);
    expect(kept.wireBytes).toBe(112);
  });
});

describe('a list of requests that is used again', () => {
  it('shows nothing of what it held before, however much larger that was', () => {
    const list = new RequestList();
    for (let i = 0; i < 50; i++) list.add(Request.of('SET', `key:${i}`, 'old'.repeat(i)));
    const held = list.heldBytes;
    list.clear();
    expect(Array.from(list.each(new Request()))).toEqual([]);
    list.add(Request.of('GET', 'k'));
    list.add(Request.of('PING'));
    const shown: string[][] = [];
    for (const request of list.each(new Request())) shown.push(words(request));
    expect(shown).toEqual([['GET', 'k'], ['PING']]);
    expect(list.count).toBe(2);
    expect(list.heldBytes).toBe(held);
  });

  it('may be walked twice, and by two at a time', () => {
    const list = new RequestList();
    for (const word of ['a', 'b', 'c']) list.add(Request.of(word, word));
    for (const outer of list.each(new Request())) {
      const inner: string[] = [];
      for (const request of list.each(new Request())) inner.push(request.text(0));
      expect(inner).toEqual(['a', 'b', 'c']);
      expect(outer.argc).toBe(2);
    }
  });
});
