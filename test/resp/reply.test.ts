import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubleText } from '../../src/base/double.ts';
import { REPLY_BUFFER_BYTES, REPLY_BUFFER_BYTES_KEPT, REPLY_DEPTH_MAX } from '../../src/base/limits.ts';
import { refusal, SYNTAX_ERROR } from '../../src/resp/refusals.ts';
import {
  INCOMPLETE,
  MALFORMED,
  MalformedReply,
  parseReply,
  type Reply,
  ReplyBoundary,
  skipReply,
} from '../../src/resp/reply-reader.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { chunked, cutPoints } from './encode.ts';
import { renderReply } from './render-reply.ts';

function written(protocol: 2 | 3, write: (out: ReplyWriter) => void): string {
  const out = new ReplyWriter(protocol, 8);
  write(out);
  return Buffer.from(out.take()).toString('latin1');
}

/** The same calls in both protocols. */
function both(write: (out: ReplyWriter) => void): [string, string] {
  return [written(2, write), written(3, write)];
}

/** Bytes as redis-server 7.0.15 sends them: from its `DEBUG PROTOCOL` and the commands named. */
const golden: [string, (out: ReplyWriter) => void, string, string][] = [
  ['SET', (out) => out.ok(), '+OK\r\n', '+OK\r\n'],
  ['PING', (out) => out.pong(), '+PONG\r\n', '+PONG\r\n'],
  ['GET of nothing', (out) => out.null(), '$-1\r\n', '_\r\n'],
  ['EXEC after a touched WATCH', (out) => out.nullArray(), '*-1\r\n', '_\r\n'],
  ['string', (out) => out.bulkText('Hello World'), '$11\r\nHello World\r\n', '$11\r\nHello World\r\n'],
  ['integer', (out) => out.integer(12345), ':12345\r\n', ':12345\r\n'],
  ['negative integer', (out) => out.integer(-7), ':-7\r\n', ':-7\r\n'],
  ['64 bits', (out) => out.integer(2n ** 63n - 1n), ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
  ['set', (out) => out.set(3), '*3\r\n', '~3\r\n'],
  ['map', (out) => out.map(3), '*6\r\n', '%3\r\n'],
  ['push', (out) => out.push(2), '*2\r\n', '>2\r\n'],
  ['true', (out) => out.boolean(true), ':1\r\n', '#t\r\n'],
  ['false', (out) => out.boolean(false), ':0\r\n', '#f\r\n'],
  [
    'bignum',
    (out) => out.bigNumber('1234567999999999999999999999999999999'),
    '$37\r\n1234567999999999999999999999999999999\r\n',
    '(1234567999999999999999999999999999999\r\n',
  ],
  [
    'verbatim',
    (out) => out.verbatim('txt', 'This is a verbatim\nstring'),
    '$25\r\nThis is a verbatim\nstring\r\n',
    '=29\r\ntxt:This is a verbatim\nstring\r\n',
  ],
  ['error', (out) => out.error(SYNTAX_ERROR), '-ERR syntax error\r\n', '-ERR syntax error\r\n'],
  ['bulkInteger', (out) => out.bulkInteger(-1234), '$5\r\n-1234\r\n', '$5\r\n-1234\r\n'],
];

describe('reply writer', () => {
  it.each(golden)('%s', (_, write, resp2, resp3) => {
    expect(both(write)).toEqual([resp2, resp3]);
  });

  it('writes doubles as %.17g does', () => {
    const texts: [number, string][] = [
      [2.75, '2.75'],
      [3.3, '3.2999999999999998'],
      [0.1, '0.10000000000000001'],
      [-0, '-0'],
      [1e15, '1000000000000000'],
      [1e16, '10000000000000000'],
      [1e17, '1e+17'],
      [1.5e300, '1.5000000000000001e+300'],
      [5e-324, '4.9406564584124654e-324'],
      [0.0001, '0.0001'],
      [0.00001, '1.0000000000000001e-05'],
      [-2.5e-7, '-2.4999999999999999e-07'],
      [123456.789, '123456.789'],
      [2 ** 53, '9007199254740992'],
      [1.7976931348623157e308, '1.7976931348623157e+308'],
      // Ties, which C rounds to even.
      [1e7 + 2 ** -10, '10000000.000976562'],
      [2 ** -25, '2.9802322387695312e-08'],
      [Number.POSITIVE_INFINITY, 'inf'],
      [Number.NEGATIVE_INFINITY, '-inf'],
      [Number.NaN, 'nan'],
    ];
    for (const [value, text] of texts) {
      expect(doubleText(value)).toBe(text);
      expect(both((out) => out.double(value))).toEqual([`$${text.length}\r\n${text}\r\n`, `,${text}\r\n`]);
    }
  });

  it('writes doubles that read back as themselves', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) =>
        Object.is(Number(doubleText(value)), value),
      ),
      { numRuns: 5000 },
    );
  });

  it('writes any bytes of any length, growing as it goes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (values) => {
        const out = new ReplyWriter(2, 8);
        for (const value of values) out.bulkBytes(value);
        const expected = values.map((value) => `$${value.length}\r\n${Buffer.from(value).toString('latin1')}\r\n`);
        expect(Buffer.from(out.take()).toString('latin1')).toBe(expected.join(''));
      }),
    );
  });

  it('knows the count of an aggregate afterwards, nested and of any size', () => {
    const [resp2, resp3] = both((out) => {
      const outer = out.beginArray();
      const inner = out.beginArray();
      for (let i = 0; i < 11; i++) out.integer(i);
      out.endSet(inner, 11);
      const map = out.beginArray();
      out.bulkText('k');
      out.ok();
      out.endMap(map, 1);
      const empty = out.beginArray();
      out.endArray(empty, 0);
      out.endArray(outer, 3);
      out.pong();
    });
    const numbers = Array.from({ length: 11 }, (_, i) => `:${i}\r\n`).join('');
    expect(resp2).toBe(`*3\r\n*11\r\n${numbers}*2\r\n$1\r\nk\r\n+OK\r\n*0\r\n+PONG\r\n`);
    expect(resp3).toBe(`*3\r\n~11\r\n${numbers}%1\r\n$1\r\nk\r\n+OK\r\n*0\r\n+PONG\r\n`);
  });

  it('takes back to a mark', () => {
    const text = written(2, (out) => {
      out.ok();
      const mark = out.mark();
      out.array(5);
      out.bulkText('half of it');
      out.truncate(mark);
      out.error(SYNTAX_ERROR);
    });
    expect(text).toBe('+OK\r\n-ERR syntax error\r\n');
  });

  it('bounds one reply, not the turn', () => {
    const out = new ReplyWriter(2, 64);
    out.replyBytesMax = 1000;
    const value = new Uint8Array(100);
    for (let i = 0; i < 50; i++) {
      out.mark();
      out.bulkBytes(value);
      expect(out.overflowed).toBe(false);
    }
    const before = out.length;
    const mark = out.mark();
    const handle = out.beginArray();
    for (let i = 0; i < 100_000; i++) out.bulkBytes(value);
    out.endArray(handle, 100_000);
    expect(out.overflowed).toBe(true);
    expect(out.buffer.length).toBeLessThan(20_000);
    out.truncate(mark);
    expect(out.length).toBe(before);
    expect(out.overflowed).toBe(false);
    out.bulkBytes(new Uint8Array(5000));
    expect(out.overflowed).toBe(true);
  });

  it('flags a reply past the bound that its buffer had room for', () => {
    const out = new ReplyWriter(2);
    out.replyBytesMax = 100;
    out.mark();
    out.bulkBytes(new Uint8Array(200));
    expect(out.overflowed).toBe(true);
  });

  it('keeps a large buffer while it is needed, and shrinks back once it is not', () => {
    const out = new ReplyWriter(2);
    for (let i = 0; i < 2; i++) {
      out.bulkBytes(new Uint8Array(4 * REPLY_BUFFER_BYTES_KEPT));
      expect(out.take().length).toBeGreaterThan(4 * REPLY_BUFFER_BYTES_KEPT);
      expect(out.buffer.length).toBeGreaterThan(REPLY_BUFFER_BYTES_KEPT);
    }
    out.ok();
    expect(out.take().length).toBe(5);
    expect(out.buffer.length).toBe(REPLY_BUFFER_BYTES);
  });
});

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('reply reader', () => {
  const samples = [
    '+OK\r\n',
    '-ERR no\r\n',
    ':-42\r\n',
    ':9223372036854775807\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '_\r\n',
    '$0\r\n\r\n',
    '$4\r\na\r\nb\r\n',
    ',3.5\r\n',
    ',inf\r\n',
    '#t\r\n',
    '(12345678901234567890\r\n',
    '=7\r\ntxt:abc\r\n',
    '!5\r\nERR x\r\n',
    '*0\r\n',
    '*2\r\n*1\r\n:1\r\n$1\r\na\r\n',
    '~2\r\n:1\r\n:2\r\n',
    '>2\r\n+message\r\n$1\r\nx\r\n',
    '%2\r\n+a\r\n*0\r\n+b\r\n%0\r\n',
    '|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n',
    '*3\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n%1\r\n:3\r\n~0\r\n',
  ];

  it('finds the end of every sample at every prefix', () => {
    for (const sample of samples) {
      const framed = bytes(`xx${sample}+next\r\n`);
      expect(skipReply(framed, 2), sample).toBe(2 + sample.length);
      expect(parseReply(framed, 2)?.end, sample).toBe(2 + sample.length);
      for (let length = 0; length < sample.length; length++) {
        expect(skipReply(framed, 2, 2 + length), `${sample} cut at ${length}`).toBe(INCOMPLETE);
        expect(parseReply(framed.subarray(0, 2 + length), 2)).toBeUndefined();
      }
    }
  });

  it('shows replies as redis-cli does', () => {
    const shown = samples.map((sample) => renderReply(parseReply(bytes(sample))?.value as Reply));
    expect(shown).toEqual([
      'OK',
      '(error) ERR no',
      '(integer) -42',
      '(integer) 9223372036854775807',
      '(nil)',
      '(nil)',
      '(nil)',
      '""',
      '"a\\r\\nb"',
      '(double) 3.5',
      '(double) inf',
      '(true)',
      '12345678901234567890',
      'abc',
      '(error) ERR x',
      '(empty array)',
      '1) 1) (integer) 1\n2) "a"',
      '1~ (integer) 1\n2~ (integer) 2',
      '1) message\n2) "x"',
      '1# a => (empty array)\n2# b => (empty hash)',
      '1# ttl => (integer) 3\n"v"',
      '1) 1# a => b\n   (integer) 1\n2) (integer) 2\n3) 1# (integer) 3 => (empty set)',
    ]);
  });

  it('finds the ends of replies that come in pieces, looking at each byte once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...samples), { minLength: 1, maxLength: 20 }), cutPoints, (parts, cuts) => {
        const all = bytes(parts.join(''));
        const ends: number[] = [];
        const boundary = new ReplyBoundary();
        let received = 0;
        let start = 0;
        for (const chunk of chunked(all, cuts)) {
          received += chunk.length;
          for (let end = boundary.find(all, start, received); end >= 0; end = boundary.find(all, start, received)) {
            ends.push(end);
            start = end;
          }
        }
        let at = 0;
        expect(ends).toEqual(parts.map((part) => (at += part.length)));
      }),
    );
  });

  it('refuses what no Redis sends', () => {
    const wrong = [
      'x\r\n',
      '\r\n',
      '$abc\r\n',
      '$-2\r\n',
      '*4294967296\r\n',
      '$1\r\nabc\r\n',
      '+a\rb\r\n',
      '$536870913\r\n',
      '*01\r\n',
      `*60000000\r\n${'*60000000\r\n'.repeat(3)}`,
      `+${'x'.repeat(70_000)}`,
    ];
    for (const text of wrong) expect(skipReply(bytes(text), 0), text.slice(0, 20)).toBe(MALFORMED);
    expect(() => parseReply(bytes(':x\r\n'))).toThrow(MalformedReply);
  });

  it('bounds depth without recursion (what redis-parser dies of)', () => {
    const deep = `${'*1\r\n'.repeat(100_000)}:1\r\n`;
    expect(skipReply(bytes(deep), 0)).toBe(deep.length);
    expect(() => parseReply(bytes(deep))).toThrow(MalformedReply);
    const allowed = `${'*1\r\n'.repeat(REPLY_DEPTH_MAX)}:1\r\n`;
    expect(parseReply(bytes(allowed))?.end).toBe(allowed.length);
  });
});

describe('refusal', () => {
  it('is one line, whatever is in it', () => {
    const nasty = refusal('ERR a\r\nb\0c\x1b[31m\x7f\u2028\xe9');
    expect(nasty.text).toBe('ERR a  b c [31m ?\xe9');
    expect(Buffer.from(nasty.bytes).toString('latin1')).toBe('-ERR a  b c [31m ?\xe9\r\n');
    expect(nasty.code).toBe('ERR');
    expect(refusal('EXECABORT').code).toBe('EXECABORT');
  });

  it('is bounded', () => {
    expect(refusal(`ERR ${'x'.repeat(1_000_000)}`).bytes.length).toBe(1024);
  });
});
