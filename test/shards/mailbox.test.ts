import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import { Request } from '../../src/resp/request.ts';
import {
  type Envelope,
  ReplyBatchReader,
  ReplyBatchWriter,
  RequestBatchReader,
  RequestBatchWriter,
} from '../../src/shards/mailbox.ts';

const words = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 40 });
const envelope: fc.Arbitrary<Envelope> = fc.record({
  commandId: fc.nat(1000),
  tenantNumber: fc.nat(100_000),
  databaseNumber: fc.nat(15),
  protocol: fc.constantFrom<2 | 3>(2, 3),
  noTouch: fc.boolean(),
  id: fc.maxSafeNat(),
  isInTransaction: fc.boolean(),
  tracks: fc.boolean(),
});

describe('a batch between threads', () => {
  it('gives back every request with its envelope, in order', () => {
    const writer = new RequestBatchWriter();
    const reader = new RequestBatchReader();
    const request = new Request();
    fc.assert(
      fc.property(fc.array(fc.tuple(envelope, words), { maxLength: 60 }), (sent) => {
        for (const [head, list] of sent) writer.add(head, Request.of(...list));
        expect(writer.count).toBe(sent.length);
        reader.open(writer.take());
        for (const [head, list] of sent) {
          expect(reader.next(request)).toBe(true);
          const { commandId, tenantNumber, databaseNumber, protocol, noTouch, id, isInTransaction, tracks } = reader;
          expect({ commandId, tenantNumber, databaseNumber, protocol, noTouch, id, isInTransaction, tracks }).toEqual(
            head,
          );
          expect(request.argc).toBe(list.length);
          for (const [i, word] of list.entries()) expect(equalBytes(request.copy(i), word)).toBe(true);
        }
        expect(reader.next(request)).toBe(false);
      }),
    );
  });

  it('gives a shard only the arguments of its part', () => {
    const writer = new RequestBatchWriter();
    writer.addPart(
      {
        commandId: 1,
        tenantNumber: 0,
        databaseNumber: 0,
        protocol: 2,
        noTouch: false,
        id: 1,
        isInTransaction: false,
        tracks: false,
      },
      Request.of('MSET', 'a', '1', 'b', '2', 'c', '3'),
      [0, 3, 4],
    );
    const reader = new RequestBatchReader();
    const request = new Request();
    reader.open(writer.take());
    reader.next(request);
    expect([request.text(0), request.text(1), request.text(2), request.argc]).toEqual(['MSET', 'b', '2', 3]);
  });

  it('gives back every reply, empty and odd lengths included', () => {
    const writer = new ReplyBatchWriter();
    const reader = new ReplyBatchReader();
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 50 }), (replies) => {
        for (const reply of replies) writer.add(reply, 0, reply.length);
        reader.open(writer.take());
        for (const reply of replies) {
          expect(reader.next()).toBe(true);
          expect(equalBytes(reader.bytes.slice(reader.start, reader.end), reply)).toBe(true);
        }
        expect(reader.next()).toBe(false);
      }),
    );
  });
});
