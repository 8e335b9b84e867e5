/**
 * Several connections to redis-server and the same to us, told the same by a script, one after the other in any
 * interleaving: whatever each connection has received must be the same on both sides, byte for byte.
 *
 * When has a connection received everything? Once whoever spoke has been answered a marker, everybody else is sent one
 * too, and what comes before its answer is what the step has brought. No clock decides. A connection that waits in a command
 * answers no marker: the scenario says so, and what it receives is compared when it answers again.
 */
import { connect, type Socket } from 'node:net';
import { latin1 } from '../../src/base/bytes.ts';
import { skipReply } from '../../src/resp/reply-reader.ts';
import { requestBytes, type Words } from '../support/words.ts';

const ANSWER_MS_MAX = 10_000;
const STEPS_SHOWN = 40;

/** What one connection says in one write. */
export interface Step {
  readonly party: number;
  readonly commands: readonly Words[];
}

export interface Marker {
  readonly words: Words;
  /** Matches the end of its answer. */
  readonly end: RegExp;
}

export interface Scenario {
  readonly parties: number;
  /** Said by every new connection, before anything else. */
  readonly greeting: (party: number) => readonly Words[];
  readonly next: () => Step;
  /** A request that is answered whatever the state of the connection; `tag` is in its answer and nowhere else. */
  readonly marker: (tag: string) => Marker;
  /** Whether the connection answers now, after this step; not while its command waits. */
  readonly answers: (party: number) => boolean;
  /** Both sides have closed this connection; a new one takes its place. */
  readonly closed: (party: number) => void;
  /** Takes out what may differ: order that nobody promises, versions, ids. */
  readonly normal: (reply: string, step: Step) => string;
  /** The same for neighbouring replies. */
  readonly ordered: (replies: readonly string[]) => readonly string[];
}

/** What a connection has received, and whether the marker was answered. */
interface Heard {
  readonly text: string;
  readonly ending: 'answered' | 'closed' | 'silent';
}

/** A connection that only collects. */
class Party {
  private readonly socket: Socket;
  private text = '';
  private isClosed = false;
  private wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.wake?.();
    });
  }

  static connect(port: number): Promise<Party> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(new Party(socket)));
      socket.once('error', reject);
    });
  }

  say(commands: readonly Words[]): void {
    if (!this.isClosed && commands.length > 0) this.socket.write(Buffer.concat(commands.map(requestBytes)));
  }

  /** Everything up to the answer of the marker, that included; all there was when the connection is over. */
  async until({ words, end }: Marker): Promise<Heard> {
    this.say([words]);
    const deadline = Date.now() + ANSWER_MS_MAX;
    for (;;) {
      const found = end.exec(this.text);
      if (found !== null) {
        const at = found.index + found[0].length;
        const text = this.text.slice(0, at);
        this.text = this.text.slice(at);
        return { text, ending: 'answered' };
      }
      if (this.isClosed) return { text: this.text, ending: 'closed' };
      if (Date.now() > deadline) return { text: this.text, ending: 'silent' };
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ANSWER_MS_MAX);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

/** One server with all the connections of a scenario. */
class Side {
  private readonly port: number;
  private readonly parties: Party[];

  private constructor(port: number, parties: Party[]) {
    this.port = port;
    this.parties = parties;
  }

  static async open(port: number, count: number): Promise<Side> {
    return new Side(port, await Promise.all(Array.from({ length: count }, () => Party.connect(port))));
  }

  party(at: number): Party {
    const party = this.parties[at];
    if (party === undefined) throw new Error(`there is no connection ${at}`);
    return party;
  }

  async replace(at: number): Promise<void> {
    this.party(at).close();
    this.parties[at] = await Party.connect(this.port);
  }

  close(): void {
    for (const party of this.parties) party.close();
  }
}

/** Replies one by one; what is cut off at the end stands as it is. */
function repliesOf(text: string): string[] {
  const bytes = Buffer.from(text, 'latin1');
  const replies: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = skipReply(bytes, at);
    const next = end < 0 ? bytes.length : end;
    replies.push(latin1(bytes, at, next));
    at = next;
  }
  return replies;
}

function shown({ party, commands }: Step): string {
  const words = commands.map((command) => command.map((word) => JSON.stringify(word)).join(' '));
  return `  ${party}: ${words.join(' | ')}`;
}

export interface Played {
  readonly steps: number;
  /** Replies and messages that were compared, markers not counted. */
  readonly received: number;
  readonly closings: number;
  readonly failure: string | undefined;
}

export class Stage {
  private readonly scenario: Scenario;
  private readonly theirs: Side;
  private readonly ours: Side;
  private readonly told: Step[] = [];
  private tags = 0;
  private received = 0;
  private closings = 0;

  private constructor(scenario: Scenario, theirs: Side, ours: Side) {
    this.scenario = scenario;
    this.theirs = theirs;
    this.ours = ours;
  }

  static async open(scenario: Scenario, ports: { readonly theirs: number; readonly ours: number }): Promise<Stage> {
    const theirs = await Side.open(ports.theirs, scenario.parties);
    const ours = await Side.open(ports.ours, scenario.parties);
    return new Stage(scenario, theirs, ours);
  }

  async play(steps: number): Promise<Played> {
    const { scenario } = this;
    let failure: string | undefined;
    for (let party = 0; party < scenario.parties && failure === undefined; party++) failure = await this.greet(party);
    let step = 0;
    for (; step < steps && failure === undefined; step++) failure = await this.take(scenario.next());
    return { steps: step, received: this.received, closings: this.closings, failure };
  }

  private async greet(party: number): Promise<string | undefined> {
    return this.take({ party, commands: this.scenario.greeting(party) });
  }

  private async take(step: Step): Promise<string | undefined> {
    this.told.push(step);
    for (const side of [this.theirs, this.ours]) side.party(step.party).say(step.commands);
    const over: number[] = [];
    // Whoever spoke first: only then has everybody else been sent what it brings them.
    const others = Array.from({ length: this.scenario.parties }, (_, party) => party).filter((at) => at !== step.party);
    for (const group of [[step.party], others]) {
      const outcomes = await Promise.all(group.map((party) => this.compare(party, step, over)));
      const failure = outcomes.find((outcome) => outcome !== undefined);
      if (failure !== undefined) return failure;
    }
    for (const party of over) {
      this.closings++;
      await Promise.all([this.theirs.replace(party), this.ours.replace(party)]);
      this.scenario.closed(party);
      const failure = await this.greet(party);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  private async compare(party: number, step: Step, over: number[]): Promise<string | undefined> {
    if (!this.scenario.answers(party)) return undefined;
    const marker = this.scenario.marker(`marker:${this.tags++}`);
    const [theirs, ours] = await Promise.all([this.theirs, this.ours].map((side) => side.party(party).until(marker)));
    if (theirs === undefined || ours === undefined) throw new Error('a side has not answered');
    const [expected, got] = [this.normalOf(theirs.text, step), this.normalOf(ours.text, step)];
    this.received += expected.length - 1;
    if (theirs.ending === 'closed') over.push(party);
    if (theirs.ending !== 'silent' && theirs.ending === ours.ending && expected.join('') === got.join(''))
      return undefined;
    const sides = [
      `redis-server (${theirs.ending}): ${JSON.stringify(expected)}`,
      `here (${ours.ending}):         ${JSON.stringify(got)}`,
    ];
    const story = this.told.slice(-STEPS_SHOWN).map(shown);
    return [`connection ${party} after`, ...story, ...sides].join('\n');
  }

  private normalOf(text: string, step: Step): readonly string[] {
    return this.scenario.ordered(repliesOf(text).map((reply) => this.scenario.normal(reply, step)));
  }

  close(): void {
    this.theirs.close();
    this.ours.close();
  }
}
