/** The subcommands of DEBUG that run at the gateway: off unless the process was started for tests, and then operators'. */
import { asciiLower } from '../../base/ascii.ts';
import { type ArgIndex, bytes, floatText } from '../../command/args.ts';
import { type CommandFlag, type ErasedSession, type SessionCall, sessionCommand } from '../../command/spec.ts';
import { DEBUG_NOT_ALLOWED, NEEDS_RESP3, PROTOCOL_TYPE, refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';

const FACTS = {
  since: '1.0.0',
  complexity: 'O(1)',
  group: 'server',
  flags: ['admin', 'noscript', 'loading', 'stale'] satisfies readonly CommandFlag[],
  ceiling: 'operator',
} as const;

/** The second lock behind the ceiling: whether DEBUG may be used at all. */
function ifAllowed({ server, session }: SessionCall, out: ReplyWriter, then: () => void): void {
  if (server.debugAllowed(session)) then();
  else out.error(DEBUG_NOT_ALLOWED);
}

const sleep = sessionCommand({
  ...FACTS,
  name: 'SLEEP',
  summary: 'Stops the server for so many seconds.',
  args: { seconds: floatText },
  run({ seconds }, call, out) {
    ifAllowed(call, out, () => {
      // strtod, as redis has it here: what is no number is no time.
      const duration_s = Number.parseFloat(call.request.text(seconds));
      if (duration_s > 0) call.server.sleep(duration_s * 1000);
      out.ok();
    });
  },
});

const setActiveExpire = sessionCommand({
  ...FACTS,
  name: 'SET-ACTIVE-EXPIRE',
  summary: 'Switches the removal of expired keys in the background off (0) and on (1).',
  args: { on: bytes },
  run({ on }, call, out) {
    ifAllowed(call, out, () => {
      // atoi, as redis has it here.
      call.server.setActiveExpire((Number.parseInt(call.request.text(on), 10) || 0) !== 0);
      out.ok();
    });
  },
});

const error = sessionCommand({
  ...FACTS,
  name: 'ERROR',
  summary: 'Answers an error of this text.',
  args: { text: bytes },
  run({ text }, call, out) {
    ifAllowed(call, out, () => out.error(refusal(call.request.text(text))));
  },
});

const SAMPLE_NUMBERS = 3;

/** By the name of the type; the values are those of redis-server, which clients test themselves with. */
const SAMPLES: ReadonlyMap<string, (out: ReplyWriter) => void> = new Map([
  ['string', (out) => out.bulkText('Hello World')],
  ['integer', (out) => out.integer(12_345)],
  ['double', (out) => out.doubleWritten('3.141')],
  ['bignum', (out) => out.bigNumber('1234567999999999999999999999999999999')],
  ['null', (out) => out.null()],
  [
    'array',
    (out) => {
      out.array(SAMPLE_NUMBERS);
      for (let i = 0; i < SAMPLE_NUMBERS; i++) out.integer(i);
    },
  ],
  [
    'set',
    (out) => {
      out.set(SAMPLE_NUMBERS);
      for (let i = 0; i < SAMPLE_NUMBERS; i++) out.integer(i);
    },
  ],
  [
    'map',
    (out) => {
      out.map(SAMPLE_NUMBERS);
      for (let i = 0; i < SAMPLE_NUMBERS; i++) {
        out.integer(i);
        out.boolean(i === 1);
      }
    },
  ],
  [
    'attrib',
    (out) => {
      if (out.protocol === 3) {
        out.attribute(1);
        out.bulkText('key-popularity');
        out.array(2);
        out.bulkText('key:123');
        out.integer(90);
      }
      out.bulkText('Some real reply following the attribute');
    },
  ],
  [
    'push',
    (out) => {
      if (out.protocol === 2) return out.error(NEEDS_RESP3);
      out.push(2);
      out.bulkText('server-cpu-usage');
      out.integer(42);
      out.bulkText('Some real reply following the push reply');
    },
  ],
  ['verbatim', (out) => out.verbatim('txt', 'This is a verbatim\nstring')],
  ['true', (out) => out.boolean(true)],
  ['false', (out) => out.boolean(false)],
]);

function answerSample({ request }: SessionCall, type: ArgIndex, out: ReplyWriter): void {
  const answer = SAMPLES.get(asciiLower(request.text(type)));
  if (answer === undefined) out.error(PROTOCOL_TYPE);
  else answer(out);
}

const protocol = sessionCommand({
  ...FACTS,
  name: 'PROTOCOL',
  summary: 'Answers a value of this type.',
  args: { type: bytes },
  run({ type }, call, out) {
    ifAllowed(call, out, () => answerSample(call, type, out));
  },
});

export const debugAtGateway: readonly ErasedSession[] = [error, protocol, setActiveExpire, sleep];
