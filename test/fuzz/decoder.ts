/** The decoder of requests: the same events however the bytes are cut, before authentication and behind it. */
import fc from 'fast-check';
import { REDIS_LIMITS, STRANGER_LIMITS } from '../../src/resp/wire-limits.ts';
import { eventsOf } from '../wire/case.ts';
import { bytesOf, type Target } from './target.ts';

const word = fc.oneof(
  fc.constantFrom('PING', 'AUTH', 'SET', 'post', 'Host:', 'PROXY', '', '\0', '\r\n', "a'b", '"\\x41"'),
  fc.string({ maxLength: 12 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const latin = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
const request = fc
  .array(word.map(latin), { minLength: 1, maxLength: 6 })
  .map((words) => `*${words.length}\r\n${words.map((one) => `$${one.length}\r\n${one}\r\n`).join('')}`);
const inline = fc.array(word.map(latin), { maxLength: 4 }).map((words) => `${words.join(' ')}\r\n`);
const header = fc
  .tuple(
    fc.constantFrom('*', '$', '%', '~', '>'),
    fc.oneof(
      fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
      fc.constantFrom('', '-1', '00', '+1', '1048577', '536870913'),
    ),
  )
  .map(([mark, number]) => `${mark}${number}\r\n`);

export const decoderTarget: Target = {
  name: 'decoder',
  share: 5,
  seeds: [
    '*1\r\n$4\r\nPING\r\n',
    '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\n\0x\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
    '*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n*1\r\n$4\r\nPING\r\n',
    "SET \"a \\x41\\n\" 'b\\'c'\r\nPING\r\n",
    '\r\n\r\n*0\r\n*-1\r\nPING\n',
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  ].map(bytesOf),
  dictionary: [
    '*1\r\n',
    '*-1\r\n',
    '$0\r\n\r\n',
    '$4\r\nPING\r\n',
    '\r\n',
    '\n',
    '\0',
    '"',
    "'",
    '\\x',
    '*1048577\r\n',
    '$536870913\r\n',
    '4294967296',
    '%1\r\n',
    '\x16\x03',
  ].map(bytesOf),
  shaped: fc
    .array(fc.oneof({ weight: 5, arbitrary: request }, inline, header), { minLength: 1, maxLength: 5 })
    .map((parts) => bytesOf(parts.join(''))),
  run(input, prng) {
    for (const limits of [STRANGER_LIMITS, REDIS_LIMITS]) {
      const whole = eventsOf([input], limits).join('\n');
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < input.length; ) {
        const length = 1 + prng.below(prng.below(2) === 0 ? 4 : input.length);
        chunks.push(input.subarray(at, at + length));
        at += length;
      }
      const cut = eventsOf(chunks, limits).join('\n');
      if (cut !== whole) throw new Error(`cut: ${cut}\nwhole: ${whole}`);
    }
  },
};
