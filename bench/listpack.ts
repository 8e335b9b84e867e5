/**
 * Cost of small collections alone: ns per element encoded, appended, found and read.
 *
 *   bun bench/listpack.ts        node bench/listpack.ts
 *
 * Each row is the fastest of several rounds, as anything slower was somebody else's time.
 */
import { bytesOf } from '../src/base/bytes.ts';
import { Int64, parseInt64 } from '../src/base/int64.ts';
import * as intset from '../src/engine/intset.ts';
import * as listpack from '../src/engine/listpack.ts';
import { ElementView, encodeElement, readElement, Scratch } from '../src/engine/listpack-element.ts';

const ROUNDS = 7;
const ROUND_MS = 80;
const PAIRS = 32;
const AT = 5 * 1024 * 1024 + 8;

/** Keeps results in use, so that nothing is optimised away. */
let checksum = 0;

function row(name: string, budget: number | undefined, unitsPerRun: number, run: () => number): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    let runs = 0;
    const from = performance.now();
    let now = from;
    while (now - from < ROUND_MS) {
      for (let i = 0; i < 100; i++) checksum += run();
      runs += 100;
      now = performance.now();
    }
    // The first round warms up.
    if (round > 0) best = Math.min(best, ((now - from) * 1e6) / (runs * unitsPerRun));
  }
  const verdict = budget === undefined ? '' : best <= budget ? `  budget ${budget}` : `  OVER budget ${budget}`;
  console.log(`${name.padEnd(44)} ${best.toFixed(1).padStart(9)} ns${verdict}`);
}

const segment = new Uint8Array(16 * 1024 * 1024);
const scratch = new Scratch();
const view = new ElementView();
const member = new Int64();

function append(source: Uint8Array): void {
  encodeElement(source, 0, source.length, scratch);
  listpack.insertBefore(segment, AT, listpack.end(segment, AT), scratch.bytes, 0, scratch.length, 1);
}

function fill(field: (i: number) => string, value: (i: number) => string): void {
  listpack.writeEmpty(segment, AT);
  for (let i = 0; i < PAIRS; i++) {
    append(bytesOf(field(i)));
    append(bytesOf(value(i)));
  }
}

console.log(process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`);

const text = bytesOf('a text of 16 by.');
const small = bytesOf('42');
const large = bytesOf('-1234567890123456789');
row('encode 16 bytes of text', 40, 1, () => {
  encodeElement(text, 0, text.length, scratch);
  return scratch.length;
});
row('encode the integer 42', 40, 1, () => {
  encodeElement(small, 0, small.length, scratch);
  return scratch.length;
});
row('encode an integer of 64 bits', undefined, 1, () => {
  encodeElement(large, 0, large.length, scratch);
  return scratch.length;
});
row('parse an integer of 19 digits', 80, 1, () => (parseInt64(large, 0, large.length, member) ? member.lo : 0));
row('encode and append 16 bytes of text', 60, PAIRS, () => {
  listpack.writeEmpty(segment, AT);
  for (let i = 0; i < PAIRS; i++) append(text);
  return listpack.totalBytes(segment, AT);
});

fill(
  (i) => `field:${i}`,
  (i) => `value of field ${i}`,
);
const lastField = bytesOf(`field:${PAIRS - 1}`);
row('find the last of 32 pairs', 300, 1, () => {
  encodeElement(lastField, 0, lastField.length, scratch);
  return listpack.find(segment, listpack.first(segment, AT), scratch, 1);
});
const absent = bytesOf('nothing');
row('find nothing in 32 pairs', 300, 1, () => {
  encodeElement(absent, 0, absent.length, scratch);
  return listpack.find(segment, listpack.first(segment, AT), scratch, 1);
});
row('read an element', 15, PAIRS * 2, () => {
  let sum = 0;
  for (let p = listpack.first(segment, AT); p !== -1; p = listpack.next(segment, p)) {
    readElement(segment, p, view);
    sum += view.end - view.start;
  }
  return sum;
});
row('step backwards', 15, PAIRS * 2, () => {
  let sum = 0;
  for (let p = listpack.last(segment, AT); p !== -1; p = listpack.previous(segment, AT, p)) sum += p & 1;
  return sum;
});
row('replace a value in the middle, two lengths', undefined, 2, () => {
  const p = listpack.seek(segment, AT, PAIRS + 1);
  encodeElement(text, 0, text.length, scratch);
  const growth = listpack.replaceElement(segment, AT, p, scratch.bytes, 0, scratch.length);
  encodeElement(absent, 0, absent.length, scratch);
  return growth + listpack.replaceElement(segment, AT, p, scratch.bytes, 0, scratch.length);
});

for (const [name, scale] of [
  ['16', 1],
  ['64', 2 ** 55],
] as const) {
  intset.writeEmpty(segment, AT);
  for (let i = 0; i < 512; i++) {
    member.setNumber(i);
    if (scale > 1) member.setHalves((i * scale) / 2 ** 32, i);
    intset.insertAt(segment, AT, i, member);
  }
  let wanted = 0;
  row(`find one of 512 integers of ${name} bits`, 60, 1, () => {
    wanted = (wanted + 101) % 512;
    intset.memberAt(segment, AT, wanted, member);
    return intset.find(segment, AT, member);
  });
}
if (Number.isNaN(checksum)) console.log('checksum lost');
