/**
 * Cost of the wire alone: ns per request scanned and per reply written or skipped.
 *
 *   bun bench/resp.ts        node bench/resp.ts
 *
 * Each row is the fastest of several rounds, as anything slower was somebody else's time.
 */
import { Decoder, NEED_MORE, REQUEST } from '../src/resp/decoder.ts';
import { skipReply } from '../src/resp/reply-reader.ts';
import { ReplyWriter } from '../src/resp/reply-writer.ts';
import { REDIS_LIMITS } from '../src/resp/wire-limits.ts';

const ROUNDS = 7;
const ROUND_MS = 120;

function measure(name: string, budget: number | undefined, unitsPerRun: number, run: () => void): void {
  const warmUntil = performance.now() + ROUND_MS;
  while (performance.now() < warmUntil) run();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    let runs = 0;
    const from = performance.now();
    let now = from;
    while (now - from < ROUND_MS) {
      for (let i = 0; i < 50; i++) run();
      runs += 50;
      now = performance.now();
    }
    best = Math.min(best, ((now - from) * 1e6) / (runs * unitsPerRun));
  }
  const verdict = budget === undefined ? '' : best <= budget ? `  budget ${budget}` : `  OVER budget ${budget}`;
  console.log(`${name.padEnd(44)} ${best.toFixed(1).padStart(9)} ns${verdict}`);
}

function set(valueBytes: number): string {
  return `*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$${valueBytes}\r\n${'x'.repeat(valueBytes)}\r\n`;
}

/** Feeds the same chunks again and again; a read chunk is a Buffer, as sockets give them. */
function scanning(name: string, budget: number | undefined, pipeline: string, requests: number, cut = 0): void {
  const bytes = Buffer.from(pipeline, 'latin1');
  const chunks = cut === 0 ? [bytes] : [bytes.subarray(0, cut), bytes.subarray(cut)];
  const decoder = new Decoder(REDIS_LIMITS);
  measure(name, budget, requests, () => {
    let done = 0;
    for (let i = 0; i < chunks.length; i++) {
      decoder.feed(chunks[i] as Uint8Array);
      let status = decoder.next();
      while (status === REQUEST) {
        done++;
        status = decoder.next();
      }
      if (status !== NEED_MORE) throw new Error('not a valid pipeline');
      decoder.settle();
    }
    if (done !== requests) throw new Error(`${done} requests instead of ${requests}`);
  });
}

function writing(name: string, budget: number | undefined, write: (out: ReplyWriter) => void): void {
  const out = new ReplyWriter(2);
  measure(name, budget, 100, () => {
    out.reset();
    for (let i = 0; i < 100; i++) {
      out.mark();
      write(out);
    }
  });
}

console.log(`${process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`}\n`);

scanning('scan SET 64 B, pipeline of 16', 40, set(64).repeat(16), 16);
scanning('scan SET 3 B, pipeline of 100', 40, set(3).repeat(100), 100);
scanning('scan SET 4 KB, pipeline of 16', 40, set(4096).repeat(16), 16);
scanning('scan GET, pipeline of 16', undefined, '*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n'.repeat(16), 16);
scanning('scan PING, pipeline of 16', undefined, '*1\r\n$4\r\nPING\r\n'.repeat(16), 16);
scanning('scan inline PING, pipeline of 16', undefined, 'PING\r\n'.repeat(16), 16);
scanning('scan MSET of 100 pairs', undefined, `*201\r\n$4\r\nMSET\r\n${'$3\r\nkey\r\n$3\r\nval\r\n'.repeat(100)}`, 1);
scanning('scan one SET per chunk', undefined, set(64), 1);
scanning('scan one SET cut in its value', undefined, set(64), 1, 60);
scanning('scan 1,000 SET cut once', undefined, set(64).repeat(1000), 1000, 53_333);

const value64 = Buffer.alloc(64, 0x78);
const value4k = Buffer.alloc(4096, 0x78);
const score = { next: 0.1 };
writing('write +OK', undefined, (out) => out.ok());
writing('write integer', undefined, (out) => out.integer(123456));
writing('write bulk of 3 B', 60, (out) => out.bulk(value64, 0, 3));
writing('write bulk of 64 B', 60, (out) => out.bulk(value64, 0, 64));
writing('write bulk of 4 KB', undefined, (out) => out.bulk(value4k, 0, 4096));
writing('write null', undefined, (out) => out.null());
writing('write text of 20', undefined, (out) => out.bulkText('portcullis_gateway_1'));
writing('write whole double', undefined, (out) => out.double(42));
writing('write fraction', undefined, (out) => {
  score.next += 0.37;
  out.double(score.next);
});

const replies = Buffer.from('$64\r\n'.concat('x'.repeat(64), '\r\n').repeat(100));
measure('skip bulk reply of 64 B', undefined, 100, () => {
  let at = 0;
  while (at < replies.length) at = skipReply(replies, at);
});
