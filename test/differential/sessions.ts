/**
 * Several connections to redis-server and the same to us, told the same by a script, one after the other in any
 * interleaving: whatever each connection has received must be the same on both sides, byte for byte.
 *
 * When has a connection received everything? Once whoever spoke has been answered a marker, everybody else is sent one
 * too, and what comes before its answer is what the step has brought. No clock decides. A connection that waits in a command
 * answers no marker: that it waits is seen in CLIENT LIST, must be so on both sides, and what it receives is compared when it
 * answers again.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { latin1 } from '../../src/base/bytes.ts';
import { skipReply } from '../../src/resp/reply-reader.ts';
import { RespClient } from '../support/resp-client.ts';
import { requestBytes, type Words } from '../support/words.ts';

const ANSWER_MS_MAX = 10_000;
const STEPS_SHOWN = 40;
/** Between two looks at whether a connection waits. */
const WAIT_POLL_MS = 5;

/** What one connection says in one write. */
export interface Step {
  readonly party: number;
  readonly commands: readonly Words[];
  /** The connection is torn down instead, and a new one takes its place. */
  readonly drops?: boolean;
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
  /** A request that is answered whatever the state of the connection, and how to tell its answer from all others. */
  readonly marker: (tag: string, party: number) => Marker;
  /** What a step brings may come a turn after its answer: whoever spoke is asked a second time. */
  readonly comesLate: boolean;
  /** Whether this connection may wait in a command until others do something: one that waits for a time only may not. */
  readonly mayWait: (party: number) => boolean;
  /** Told after each step: whether it does. */
  readonly waits: (party: number, isWaiting: boolean) => void;
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
  readonly ending: 'answered' | 'closed' | 'waiting' | 'silent';
}

interface Both {
  readonly theirs: Heard;
  readonly ours: Heard;
}

/** A connection that only collects. */
class Party {
  private readonly socket: Socket;
  private text = '';
  private isClosed = false;
  /** The marker that has not been answered yet. */
  private asked: Marker | undefined;
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

  /**
   * Everything up to the answer of the marker; all there was when the connection is over. While it waits in a
   * command nothing is taken, and the marker stays the one that is asked for next.
   * @param waits says whether it waits in a command now; undefined where it will not
   */
  async until(fresh: Marker, waits: (() => Promise<boolean>) | undefined): Promise<Heard> {
    if (this.asked === undefined) {
      this.asked = fresh;
      this.say([fresh.words]);
    }
    const { end } = this.asked;
    const deadline = Date.now() + ANSWER_MS_MAX;
    for (;;) {
      const found = end.exec(this.text);
      if (found !== null) {
        const text = this.text.slice(0, found.index);
        this.text = this.text.slice(found.index + found[0].length);
        this.asked = undefined;
        return { text, ending: 'answered' };
      }
      if (this.isClosed) return { text: this.text, ending: 'closed' };
      // Asked twice, as the answer to a marker may have been on its way at the first time.
      if (waits !== undefined && (await waits()) && !end.test(this.text)) return { text: '', ending: 'waiting' };
      if (Date.now() > deadline) return { text: this.text, ending: 'silent' };
      if (!end.test(this.text)) await this.more(waits === undefined ? ANSWER_MS_MAX : WAIT_POLL_MS);
    }
  }

  /** Until something comes, or the time is over. */
  private more(time_ms: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, time_ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

/** One server with all the connections of a scenario. */
class Side {
  private readonly port: number;
  private readonly parties: Party[];
  /** Sees who waits, and does nothing else. */
  private readonly watcher: RespClient;

  private constructor(port: number, parties: Party[], watcher: RespClient) {
    this.port = port;
    this.parties = parties;
    this.watcher = watcher;
  }

  static async open(port: number, count: number): Promise<Side> {
    const watcher = await RespClient.connect(port);
    const side = new Side(port, [], watcher);
    for (let at = 0; at < count; at++) side.parties.push(await side.connect(at));
    return side;
  }

  private async connect(at: number): Promise<Party> {
    const party = await Party.connect(this.port);
    const marker = { words: ['CLIENT', 'SETNAME', nameOf(at)], end: /^\+OK\r\n/ };
    await party.until(marker, undefined);
    return party;
  }

  /** The flags of a connection, as CLIENT LIST writes them; empty when it is gone. */
  private async flags(at: number): Promise<string> {
    const list = latin1(await this.watcher.send('CLIENT', 'LIST'));
    return new RegExp(` name=${nameOf(at)} .*? flags=(\\S+)`).exec(list)?.[1] ?? '';
  }

  async waits(at: number): Promise<boolean> {
    return (await this.flags(at)).includes('b');
  }

  party(at: number): Party {
    const party = this.parties[at];
    if (party === undefined) throw new Error(`there is no connection ${at}`);
    return party;
  }

  async replace(at: number): Promise<void> {
    this.party(at).close();
    const deadline = Date.now() + ANSWER_MS_MAX;
    while ((await this.flags(at)) !== '' && Date.now() < deadline) await pause(WAIT_POLL_MS);
    this.parties[at] = await this.connect(at);
  }

  close(): void {
    for (const party of this.parties) party.close();
    this.watcher.close();
  }
}

function nameOf(at: number): string {
  return `party${at}`;
}

function joined(first: Both, second: Both): readonly [theirs: Heard, ours: Heard] {
  const both = (before: Heard, after: Heard): Heard => ({ text: before.text + after.text, ending: after.ending });
  return [both(first.theirs, second.theirs), both(first.ours, second.ours)];
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

function shown({ party, commands, drops }: Step): string {
  if (drops === true) return `  ${party}: hangs up`;
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
    if (step.drops === true) return this.startAnew(step.party);
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
      const failure = await this.startAnew(party);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  private async startAnew(party: number): Promise<string | undefined> {
    this.closings++;
    await Promise.all([this.theirs.replace(party), this.ours.replace(party)]);
    this.scenario.closed(party);
    return this.greet(party);
  }

  private async compare(party: number, step: Step, over: number[]): Promise<string | undefined> {
    const heard = await this.hear(party);
    this.scenario.waits(party, heard.theirs.ending === 'waiting');
    const isAskedAgain = this.scenario.comesLate && party === step.party && heard.theirs.ending === 'answered';
    const [theirs, ours] = isAskedAgain ? joined(heard, await this.hear(party)) : [heard.theirs, heard.ours];
    const [expected, got] = [this.normalOf(theirs.text, step), this.normalOf(ours.text, step)];
    if (theirs.ending !== 'waiting') this.received += expected.length;
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

  private async hear(party: number): Promise<Both> {
    const marker = this.scenario.marker(`marker:${this.tags++}`, party);
    const mayWait = this.scenario.mayWait(party);
    const theirs = await this.theirs.party(party).until(marker, mayWait ? () => this.theirs.waits(party) : undefined);
    // Where redis-server has answered we have to, if not in the same instant: a worker thread may still be at it.
    const waits = theirs.ending === 'waiting' ? () => this.ours.waits(party) : undefined;
    const ours = await this.ours.party(party).until(marker, waits);
    return { theirs, ours };
  }

  private normalOf(text: string, step: Step): readonly string[] {
    return this.scenario.ordered(repliesOf(text).map((reply) => this.scenario.normal(reply, step)));
  }

  close(): void {
    this.theirs.close();
    this.ours.close();
  }
}
