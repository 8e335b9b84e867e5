import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { INT64_MAX, INT64_MIN } from '../../src/base/integer.ts';
import { Prng } from '../../src/base/prng.ts';
import * as listpack from '../../src/engine/listpack.ts';
import { canonicalise, isCanonical, isValid } from '../../src/engine/listpack-check.ts';
import {
  appendElement,
  ElementView,
  elementBytes,
  elementTextLength,
  encodedLengthMax,
  encodeElement,
  encodeInteger,
  integerAt,
  isIntegerAt,
  readElement,
  Scratch,
} from '../../src/engine/listpack-element.ts';
import { seed } from '../support/seed.ts';
import { PoisonedSegment } from './blob.ts';
import { PROPERTY_TIMEOUT_MS, runsFor } from './support.ts';

const view = new ElementView();
const scratch = new Scratch();

function textAt(bytes: Uint8Array, p: number): string {
  readElement(bytes, p, view);
  return latin1(view.bytes, view.start, view.end);
}

function textsOf(bytes: Uint8Array, at: number): string[] {
  const texts: string[] = [];
  for (let p = listpack.first(bytes, at); p !== -1; p = listpack.next(bytes, p)) texts.push(textAt(bytes, p));
  return texts;
}

function encode(text: string): Scratch {
  // Not at the start of its array, so that ranges are honoured.
  const bytes = bytesOfLatin1(`1${text}2`);
  encodeElement(bytes, 1, bytes.length - 1, scratch);
  return scratch;
}

function hexOf(text: string): string {
  const { bytes, length } = encode(text);
  return Buffer.from(bytes.subarray(0, length)).toString('hex');
}

function isInteger(text: string): boolean {
  return /^(?:0|-?[1-9][0-9]{0,18})$/.test(text) && BigInt(text) >= INT64_MIN && BigInt(text) <= INT64_MAX;
}

/** A listpack in a poisoned segment beside the plain array that it should be. */
class Pair {
  readonly segment: PoisonedSegment;
  readonly model: string[] = [];

  constructor(room: number) {
    this.segment = new PoisonedSegment(room);
    listpack.writeEmpty(this.segment.bytes, this.segment.at);
  }

  get bytes(): Uint8Array {
    return this.segment.bytes;
  }

  get at(): number {
    return this.segment.at;
  }

  get total(): number {
    return listpack.totalBytes(this.bytes, this.at);
  }

  /** The offset of the element at an index, or where an append goes. */
  offset(index: number): number {
    return index === this.model.length ? listpack.end(this.bytes, this.at) : listpack.seek(this.bytes, this.at, index);
  }

  insert(index: number, texts: readonly string[]): void {
    const run = new Scratch();
    for (const text of texts) {
      const bytes = bytesOfLatin1(text);
      appendElement(bytes, 0, bytes.length, run);
    }
    if (this.total + run.length > this.segment.room) return;
    const p = this.offset(index);
    listpack.insertBefore(this.bytes, this.at, p, run.bytes, 0, run.length, texts.length);
    this.model.splice(index, 0, ...texts);
  }

  remove(index: number, elements: number): void {
    const before = this.total;
    const went = listpack.removeRange(this.bytes, this.at, this.offset(index), elements);
    this.model.splice(index, elements);
    expect(this.total).toBe(before - went);
  }

  replace(index: number, text: string): void {
    if (index === this.model.length) return;
    const p = this.offset(index);
    const { bytes, length } = encode(text);
    const before = this.total;
    if (before + length - elementBytes(this.bytes, p) > this.segment.room) return;
    const growth = listpack.replaceElement(this.bytes, this.at, p, bytes, 0, length);
    expect(this.total).toBe(before + growth);
    this.model[index] = text;
  }

  check(): void {
    const { bytes, at, model } = this;
    this.segment.expectUntouched();
    expect(isValid(bytes, at, this.total, true)).toBe(true);
    expect(isCanonical(bytes, at)).toBe(true);
    expect(listpack.count(bytes, at)).toBe(model.length);
    expect(textsOf(bytes, at)).toEqual(model);
    const backwards: string[] = [];
    for (let p = listpack.last(bytes, at); p !== -1; p = listpack.previous(bytes, at, p))
      backwards.unshift(textAt(bytes, p));
    expect(backwards).toEqual(model);
    // In an array that ends with the listpack every read outside would show.
    expect(textsOf(this.segment.tight(this.total), 0)).toEqual(model);
  }
}

/** Every form of element and of back length that fits a test; 2 MiB of text needs the back length of four bytes. */
const LENGTHS = [
  0, 1, 5, 20, 21, 22, 62, 63, 64, 65, 125, 126, 127, 128, 300, 4094, 4095, 4096, 4097, 16376, 16377, 16378, 16379,
];
const INTEGERS = [
  0n,
  1n,
  42n,
  127n,
  128n,
  4095n,
  4096n,
  32767n,
  32768n,
  8388607n,
  8388608n,
  2147483647n,
  2147483648n,
  2n ** 53n,
  INT64_MAX,
]
  .flatMap((value) => [value, -value, -value - 1n])
  .map(String);

const anyInteger = fc.oneof(fc.constantFrom(...INTEGERS), fc.bigInt({ min: INT64_MIN, max: INT64_MAX }).map(String));
const almostInteger = fc.constantFrom(
  '',
  '-',
  '-0',
  '+1',
  '01',
  ' 1',
  '1 ',
  '9223372036854775808',
  '-9223372036854775809',
  '1.5',
  '00000000000000000001',
);
const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 70 }).map((bytes) => latin1(bytes)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...LENGTHS).map((length) => '\xff\x00\x80x'.repeat(length).slice(0, length)),
  },
);
const element = fc.oneof(
  { weight: 3, arbitrary: anyInteger },
  { weight: 1, arbitrary: almostInteger },
  { weight: 4, arbitrary: anyText },
);

describe('an element', () => {
  test('is encoded as Redis documents it', () => {
    const forms: [text: string, hex: string][] = [
      ['', '8001'],
      ['a', '816102'],
      ['0', '0001'],
      ['127', '7f01'],
      ['128', 'c08002'],
      ['-1', 'dfff02'],
      ['4095', 'cfff02'],
      ['-4096', 'd00002'],
      ['4096', 'f1001003'],
      ['-32768', 'f1008003'],
      ['32768', 'f200800004'],
      ['-8388608', 'f200008004'],
      ['8388608', 'f30000800005'],
      ['-2147483648', 'f30000008005'],
      ['2147483648', 'f4000000800000000009'],
      ['-9223372036854775808', 'f4000000000000008009'],
      ['9223372036854775807', 'f4ffffffffffffff7f09'],
      ['-0', '822d3003'],
    ];
    for (const [text, hex] of forms) expect(hexOf(text), text).toBe(hex);
    expect(hexOf('x'.repeat(63)).slice(0, 2)).toBe('bf');
    expect(hexOf('x'.repeat(64)).slice(0, 4)).toBe('e040');
    expect(hexOf('x'.repeat(4095)).slice(0, 4)).toBe('efff');
    expect(hexOf('x'.repeat(4096)).slice(0, 10)).toBe('f000100000');
  });

  test('has a back length of as many bytes as Redis gives it', () => {
    const tails: [textLength: number, hex: string][] = [
      [125, '7f'],
      [126, '0180'],
      [16377, '7ffe'],
      [16378, '00ffff'],
      [2097151 - 6, '7ffffe'],
      [2097151 - 5, '00ffffff'],
    ];
    for (const [textLength, hex] of tails)
      expect(hexOf('x'.repeat(textLength)).endsWith(hex), `${textLength}`).toBe(true);
  });

  test('with a back length of four and of five bytes is walked over backwards', () => {
    for (const [textLength, backLength] of [
      [2_200_000, 4],
      [268_435_455, 5],
    ] as const) {
      const run = new Scratch();
      const small = bytesOfLatin1('first');
      appendElement(small, 0, small.length, run);
      const head = run.length;
      appendElement(new Uint8Array(textLength), 0, textLength, run);
      expect(run.length - head).toBe(5 + textLength + backLength);
      expect(encodedLengthMax(textLength)).toBe(run.length - head);
      expect(elementBytes(run.bytes, head)).toBe(run.length - head);
      expect(elementTextLength(run.bytes, head)).toBe(textLength);
      // A listpack without its header: one more copy of that much text would prove nothing.
      const at = -listpack.LISTPACK_HEADER_BYTES;
      expect(listpack.previous(run.bytes, at, run.length)).toBe(head);
      expect(listpack.previous(run.bytes, at, head)).toBe(0);
      expect(listpack.previous(run.bytes, at, 0)).toBe(-1);
    }
  });

  test('gives its text back, whatever it is', () => {
    fc.assert(
      fc.property(element, (text) => {
        const { bytes, length } = encode(text);
        expect(elementBytes(bytes, 0)).toBe(length);
        expect(length).toBeLessThanOrEqual(encodedLengthMax(text.length));
        expect(textAt(bytes, 0)).toBe(text);
        expect(elementTextLength(bytes, 0)).toBe(text.length);
        expect(view.isInteger).toBe(isInteger(text));
        expect(isIntegerAt(bytes, 0)).toBe(isInteger(text));
        expect(integerAt(bytes, 0)).toBe(isInteger(text) ? Number(text) : Number.NaN);
        if (isInteger(text)) expect(view.integer).toBe(Number(text));
      }),
      { numRuns: 3000 },
    );
  });

  test('of a number is the element of its digits', () => {
    const byNumber = new Scratch();
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -9000, max: 9000 })), (value) => {
        encodeInteger(value, byNumber);
        const { bytes, length } = encode(String(value));
        expect(byNumber.bytes.subarray(0, byNumber.length)).toEqual(bytes.subarray(0, length));
      }),
    );
    expect(() => encodeInteger(2 ** 60, byNumber)).toThrow('exact');
    expect(() => encodeInteger(0.5, byNumber)).toThrow('exact');
  });

  test('that was huge does not keep its scratch', () => {
    encode('x'.repeat(3_000_000));
    expect(encode('x').bytes.length).toBeLessThan(3_000_000);
  });
});

describe('a listpack', () => {
  test(
    'is what a plain array is, over every edit',
    () => {
      const step = fc.record({
        kind: fc.constantFrom('insert', 'insert', 'insert', 'remove', 'replace', 'replace'),
        index: fc.nat(1000),
        texts: fc.array(element, { minLength: 1, maxLength: 3 }),
        elements: fc.nat(4),
      });
      fc.assert(
        fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), (steps) => {
          const pair = new Pair(40_000);
          for (const { kind, index, texts, elements } of steps) {
            const place = index % (pair.model.length + 1);
            if (kind === 'insert') pair.insert(place, texts);
            else if (kind === 'remove') pair.remove(place, elements);
            else pair.replace(place, texts[0] ?? '');
          }
          pair.check();
        }),
        { numRuns: runsFor(45) },
      );
    },
    PROPERTY_TIMEOUT_MS,
  );

  test('is walked, sought and searched from both ends', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 24 }), element, fc.nat(3), (texts, other, skip) => {
        const pair = new Pair(1 << 20);
        pair.insert(0, texts);
        const { bytes, at } = pair;
        for (let index = -texts.length - 2; index < texts.length + 2; index++) {
          const p = listpack.seek(bytes, at, index);
          const wanted = texts.at(index);
          if (index >= texts.length || wanted === undefined) expect(p).toBe(-1);
          else expect(textAt(bytes, p)).toBe(wanted);
        }
        for (const text of texts.concat(other)) {
          const wanted = texts.findIndex((each, index) => each === text && index % (skip + 1) === 0);
          const p = listpack.find(bytes, listpack.first(bytes, at), encode(text), skip);
          expect(p).toBe(wanted === -1 ? -1 : listpack.seek(bytes, at, wanted));
          const tight = pair.segment.tight(pair.total);
          expect(listpack.find(tight, listpack.first(tight, 0), encode(text), skip)).toBe(p === -1 ? -1 : p - at);
        }
        for (const [index, text] of texts.entries()) {
          const p = listpack.seek(bytes, at, index);
          const { length } = encode(other);
          expect(listpack.equalsEncoded(bytes, p, scratch.bytes, 0, length)).toBe(text === other);
          expect(listpack.after(bytes, p)).toBe(pair.offset(index + 1));
        }
      }),
    );
  });

  test('that is empty has no first, last or any other element', () => {
    const { bytes, at } = new Pair(7);
    expect([listpack.first(bytes, at), listpack.last(bytes, at), listpack.seek(bytes, at, 0)]).toEqual([-1, -1, -1]);
    expect([listpack.seek(bytes, at, -1), listpack.find(bytes, -1, encode('a'), 0)]).toEqual([-1, -1]);
    expect(listpack.count(bytes, at)).toBe(0);
    expect(listpack.removeRange(bytes, at, listpack.end(bytes, at), 3)).toBe(0);
    expect(isValid(bytes, at, 7, true)).toBe(true);
  });

  test('counts on past what its header can say', () => {
    const many = 65_540;
    const pair = new Pair(many * 2 + 16);
    const texts = Array.from({ length: many }, (_, i) => String(i % 100));
    pair.insert(0, texts.slice(0, 65_534));
    const header = () => (pair.bytes[pair.at + 4] ?? 0) + (pair.bytes[pair.at + 5] ?? 0) * 256;
    expect(header()).toBe(65_534);
    for (const text of texts.slice(65_534)) pair.insert(pair.model.length, [text]);
    expect(header()).toBe(65_535);
    expect(listpack.count(pair.bytes, pair.at)).toBe(many);
    for (const index of [0, 1, 40_000, many - 1, many, -1, -2, -many, -many - 1]) {
      const p = listpack.seek(pair.bytes, pair.at, index);
      expect(p === -1 ? undefined : textAt(pair.bytes, p)).toBe(texts.at(index));
    }
    pair.remove(0, 10);
    expect(header()).toBe(65_535);
    expect(listpack.count(pair.bytes, pair.at)).toBe(many - 10);
    const into = new Scratch();
    canonicalise(pair.bytes, pair.at, into);
    expect(listpack.count(into.bytes, 0)).toBe(many - 10);
    expect([into.bytes[4], into.bytes[5]]).toEqual([(many - 10) & 255, (many - 10) >> 8]);
  });
});

/** Elements as no Redis writes them, but that read well. */
const SLOPPY: readonly (readonly [hex: string, text: string])[] = [
  ['f1050003', '5'],
  ['c00502', '5'],
  ['f4050000000000000009', '5'],
  ['823132' + '03', '12'],
  ['e00161' + '03', 'a'],
  ['f00100000061' + '06', 'a'],
  ['942d3932323333373230333638353437373538303815', '-9223372036854775808'],
];

function blobOf(elements: string, count?: number): Uint8Array {
  const body = Buffer.from(elements, 'hex');
  const bytes = Buffer.alloc(body.length + 7, 0xff);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(count ?? 65_535, 4);
  body.copy(bytes, 6);
  return new Uint8Array(bytes);
}

describe('a foreign listpack', () => {
  test('is made canonical without a change of its texts', () => {
    const into = new Scratch();
    for (const [hex, text] of SLOPPY) {
      const bytes = blobOf(`8161${'02'}${hex}7f01`, 3);
      expect(isValid(bytes, 0, bytes.length, true), hex).toBe(true);
      expect(isCanonical(bytes, 0), hex).toBe(false);
      canonicalise(bytes, 0, into);
      expect(into.length).toBeLessThan(bytes.length);
      expect(isValid(into.bytes, 0, into.length, true)).toBe(true);
      expect(isCanonical(into.bytes, 0)).toBe(true);
      expect(textsOf(into.bytes, 0)).toEqual(['a', text, '127']);
    }
  });

  test('is refused when it is not what it says', () => {
    const wrong: Record<string, Uint8Array> = {
      'a count too high': blobOf('0001', 2),
      'a count too low': blobOf('00010001', 1),
      'text running over the end': blobOf('bf61' + '02'),
      'text running over the end of memory': blobOf('f0ffffffff' + '06'),
      'a length cut off': blobOf('f00100'),
      'no such element': blobOf('f501'),
      'a terminator in the middle': blobOf('ff01'),
      'a back length of another element': blobOf('0002'),
      'a back length longer than it need be': blobOf('82610085', 1),
      'no back length': blobOf('00'),
      'an integer cut off': blobOf('f40102'),
    };
    for (const [name, bytes] of Object.entries(wrong)) expect(isValid(bytes, 0, bytes.length, true), name).toBe(false);
    const good = blobOf('0001', 1);
    expect(isValid(good, 0, good.length, true)).toBe(true);
    for (const length of [0, 6, 7, 8, 10, 1000]) expect(isValid(good, 0, length, true)).toBe(false);
    expect(isValid(good, 1, good.length, true)).toBe(false);
    expect(isValid(good, -1, good.length, true)).toBe(false);
    good[good.length - 1] = 0;
    expect(isValid(good, 0, good.length, false)).toBe(false);
  });

  test('with any bytes changed is refused, or is walked within its bounds', () => {
    const prng = new Prng(seed);
    const into = new Scratch();
    let accepted = 0;
    for (let round = 0; round < 20_000; round++) {
      const pair = new Pair(400);
      pair.insert(
        0,
        fc.sample(fc.array(element, { maxLength: 6 }), { numRuns: 1, seed: seed + (round % 50) })[0] ?? [],
      );
      const bytes = pair.segment.tight(pair.total);
      for (let i = prng.below(4); i >= 0; i--) bytes[prng.below(bytes.length)] = prng.below(256);
      if (!isValid(bytes, 0, bytes.length, true)) continue;
      accepted++;
      const texts = textsOf(bytes, 0);
      expect(texts).toHaveLength(listpack.count(bytes, 0));
      expect(listpack.last(bytes, 0)).toBe(listpack.seek(bytes, 0, texts.length - 1));
      canonicalise(bytes, 0, into);
      expect(textsOf(into.bytes, 0)).toEqual(texts);
      expect(isCanonical(into.bytes, 0)).toBe(true);
      expect(isCanonical(bytes, 0)).toBe(Buffer.compare(Buffer.from(bytes), into.bytes.subarray(0, into.length)) === 0);
    }
    expect(accepted).toBeGreaterThan(500);
  });

  test('of nothing but noise never throws', () => {
    const prng = new Prng(seed + 1);
    for (let round = 0; round < 20_000; round++) {
      const bytes = new Uint8Array(prng.below(40)).map(() => prng.below(256));
      if (bytes.length > 6 && prng.below(2) === 0) bytes.set([bytes.length, 0, 0, 0, 255, 255], 0);
      if (bytes.length > 6) bytes[bytes.length - 1] = 255;
      isValid(bytes, prng.below(3), bytes.length, true);
    }
  });
});
