/**
 * Cost of RDB content alone: CRC-64 and LZF in MB per second, payloads in ns.
 *
 *   bun bench/rdb.ts        node bench/rdb.ts
 *
 * Each row is the fastest of several rounds, as anything slower was somebody else's time.
 */
import { bytesOf } from '../src/base/bytes.ts';
import { Prng } from '../src/base/prng.ts';
import { Crc64 } from '../src/rdb/crc64.ts';
import { compress, decompress } from '../src/rdb/lzf.ts';
import { RdbWriter } from '../src/rdb/writer.ts';

const ROUNDS = 7;
const ROUND_MS = 120;

/** Keeps results in use, so that nothing is optimised away. */
let checksum = 0;

/** The fastest run in milliseconds. */
function fastest(run: () => number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= ROUNDS; round++) {
    const from_ms = performance.now();
    let runs = 0;
    let now_ms = from_ms;
    while (now_ms - from_ms < ROUND_MS) {
      checksum += run();
      runs++;
      now_ms = performance.now();
    }
    // The first round warms up.
    if (round > 0) best = Math.min(best, (now_ms - from_ms) / runs);
  }
  return best;
}

function rate(name: string, bytes: number, budget: number | undefined, run: () => number): void {
  const megabytes = bytes / 1000 / fastest(run);
  const verdict = budget === undefined ? '' : megabytes >= budget ? `  budget ${budget}` : `  UNDER budget ${budget}`;
  console.log(`${name.padEnd(44)} ${megabytes.toFixed(0).padStart(9)} MB/s${verdict}`);
}

function cost(name: string, times: number, run: () => number): void {
  const each_ns =
    (fastest(() => {
      let sum = 0;
      for (let i = 0; i < times; i++) sum += run();
      return sum;
    }) *
      1e6) /
    times;
  console.log(`${name.padEnd(44)} ${each_ns.toFixed(0).padStart(9)} ns`);
}

const MEGABYTE = 1024 * 1024;
const prng = new Prng(3);
const noise = new Uint8Array(MEGABYTE).map(() => prng.below(256));
const words = ['"name":"', '"id":', 'true,', 'portcullis', '{', '}', '"created":"2026-', '[1,2,3]'];
let text = '';
while (text.length < MEGABYTE) text += `${words[prng.below(words.length)] ?? ''}${prng.below(100_000)}`;
const json = bytesOf(text).subarray(0, MEGABYTE);
const run = new Uint8Array(MEGABYTE);

console.log(process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`);
const crc = new Crc64();
rate('CRC-64 of 1 MiB', MEGABYTE, 300, () => crc.reset().update(noise, 0, MEGABYTE).lo);
rate('CRC-64 of 100 bytes', 100_000, undefined, () => {
  let sum = 0;
  for (let i = 0; i < 1000; i++) sum += crc.reset().update(noise, i, i + 100).lo;
  return sum;
});

const into = new Uint8Array(2 * MEGABYTE);
const back = new Uint8Array(MEGABYTE);
for (const [name, source, compressing, decompressing] of [
  ['text', json, 50, 200],
  ['noise', noise, undefined, undefined],
  ['one byte repeated', run, undefined, undefined],
] as const) {
  const held = compress(source, 0, MEGABYTE, into, 0, into.length);
  console.log(`1 MiB of ${name}: ${held} bytes compressed`);
  rate('  compress', MEGABYTE, compressing, () => compress(source, 0, MEGABYTE, into, 0, into.length));
  rate('  decompress', MEGABYTE, decompressing, () => (decompress(into, 0, held, back, 0, MEGABYTE) ? 1 : 0));
}

const writer = new RdbWriter();
for (const bytes of [16, 64, 1000]) {
  cost(`write a string of ${bytes} bytes of text`, 1000, () => {
    writer.reset();
    writer.writeString(json, 0, bytes);
    return writer.length;
  });
}
if (Number.isNaN(checksum)) console.log('checksum lost');
