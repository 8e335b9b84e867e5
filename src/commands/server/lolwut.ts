/** LOLWUT: the gate that this server is named after, drawn anew each time, and the version that tools look for. */
import { spells } from '../../base/ascii.ts';
import { bytesOf, latin1 } from '../../base/bytes.ts';
import { parseInteger } from '../../base/integer.ts';
import { LOLWUT_COLUMNS_MAX, LOLWUT_ROWS_MAX } from '../../base/limits.ts';
import { Prng } from '../../base/prng.ts';
import { custom } from '../../command/args.ts';
import { sessionCommand } from '../../command/spec.ts';
import { NOT_AN_INTEGER } from '../../resp/refusals.ts';

const VERSION = bytesOf('VERSION');
const BARS_DEFAULT = 12;
const ROWS_DEFAULT = 8;

/** A grating of bars with spikes below, raised by chance, between two posts. */
export function portcullis(bars: number, rows: number, seed: number): string {
  const prng = new Prng(seed);
  const raised = prng.uint32() % Math.max(1, rows);
  const top = `╔${'═'.repeat(2 * bars + 1)}╗\n`;
  let drawing = top;
  for (let row = 0; row < rows; row++) {
    const isGrating = row < rows - raised;
    const isSpikes = row === rows - raised - 1;
    let line = ' ';
    for (let bar = 0; bar < bars; bar++) {
      if (!isGrating) line += '  ';
      else if (isSpikes) line += '▼ ';
      else line += prng.uint32() % 8 === 0 ? '╬ ' : '╫─';
    }
    drawing += `║${line}║\n`;
  }
  return `${drawing}╨${' '.repeat(2 * bars + 1)}╨\n`;
}

export const lolwut = sessionCommand({
  name: 'LOLWUT',
  summary: 'Draws a gate, and tells the version.',
  since: '5.0.0',
  group: 'server',
  flags: ['readonly', 'fast'],
  args: {
    order: custom({
      required: 0,
      docs: [{ name: 'version', type: 'integer', token: 'VERSION', flags: ['optional'] }],
      parse(request, at) {
        const sizes: number[] = [];
        const isOrdered = request.argc > at + 1 && spells(request.bytes, request.start(at), request.end(at), VERSION);
        for (let i = at + 1; isOrdered && i < request.argc; i++) {
          const value = parseInteger(request.bytes, request.start(i), request.end(i));
          if (Number.isNaN(value)) return NOT_AN_INTEGER;
          sizes.push(value);
        }
        // Without a version redis-server passes over whatever there is.
        return { end: request.argc, value: sizes.slice(1), keys: [] };
      },
    }),
  },
  run({ order }, { server }, out) {
    const [bars = BARS_DEFAULT, rows = ROWS_DEFAULT, seed = server.nowMs() % 0x7fffffff] = order.value;
    const bounded = (value: number, max: number) => Math.min(max, Math.max(1, value));
    const drawing = portcullis(bounded(bars, LOLWUT_COLUMNS_MAX), bounded(rows, LOLWUT_ROWS_MAX), Math.abs(seed));
    // The drawing is UTF-8, and texts of replies are one character per byte.
    out.verbatim('txt', latin1(bytesOf(`${drawing}\nRedis ver. 7.2.0\n`)));
  },
});
