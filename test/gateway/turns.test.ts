/** Shares of a round: how much of one tenant runs before the others come, and that nothing is lost on the way. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BACKLOG_BYTES_MAX, TURN_MS_CONTENDED, TURN_MS_DEFAULT } from '../../src/base/limits.ts';
import type { Timing } from '../../src/gateway/timing.ts';
import { Turns, type Worker } from '../../src/gateway/turns.ts';
import { FakeClock } from '../support/harness.ts';
import { type Client, World, wire } from './world.ts';

/** Of a large request: more than is read of a client whose turn it is not. */
const PIECE_BYTES = 2 * BACKLOG_BYTES_MAX;
const PIECES = 8;

let world: World | undefined;

afterEach(() => world?.end());

/** Every look at the clock finds that so much time has passed. */
function costing(of: World, cost_ms: number): void {
  const { monotonicMs } = of.clock;
  vi.spyOn(of.clock, 'monotonicMs').mockImplementation(() => {
    of.clock.now += cost_ms;
    return monotonicMs.call(of.clock);
  });
}

function pipeline(client: Client, count: number): void {
  client.socket.deliver(Buffer.concat(Array.from({ length: count }, (_, i) => wire('ECHO', `<${i}>`))));
}

function heard(text: string): number[] {
  return Array.from(text.matchAll(/<(\d+)>/g), ([, digits]) => Number(digits));
}

describe('a round', () => {
  it('gives the connections of one tenant no more together than one of them alone', () => {
    world = new World().people();
    const many = Array.from({ length: 50 }, () => world?.login('ann') as Client);
    const bob = world.login('bob');
    costing(world, 0.05);
    for (const client of many) pipeline(client, 200);
    const atOnce = many.reduce((sum, { socket }) => sum + heard(socket.text()).length, 0);
    // Of ten thousand: each look at the clock, for sixteen of them at the most, is half a share.
    expect(atOnce).toBeLessThan(200);
    bob.socket.deliver(wire('ECHO', 'bob'));
    expect(bob.socket.text()).toBe('$3\r\nbob\r\n');
  });

  it('parts nothing for who is alone and may have it so, and everything again once others are there', () => {
    world = new World(undefined, { tenantTurn_ms: 0 }).people();
    const ann = world.login('ann');
    costing(world, 1);
    pipeline(ann, 500);
    expect(heard(ann.socket.text())).toHaveLength(500);
    world.ask(world.login('bob'), 'PING');
    world.turn(ann);
    pipeline(ann, 500);
    expect(heard(ann.socket.text()).length).toBeLessThan(50);
  });

  it('is followed by others until everything has run, in the order of each connection', () => {
    world = new World().people();
    world.login('bob');
    const many = Array.from({ length: 10 }, () => world?.login('ann') as Client);
    costing(world, 0.05);
    for (const client of many) pipeline(client, 100);
    const all = many.map(() => '');
    for (let round = 0; round < 1000; round++) {
      world.turn(...many);
      for (const [i, { socket }] of many.entries()) all[i] += socket.text();
    }
    const whole = Array.from({ length: 100 }, (_, i) => i);
    expect(all.map(heard)).toEqual(many.map(() => whole));
    expect(many.map(({ socket }) => socket.isPaused)).toEqual(many.map(() => false));
  });

  it('brings in no more of large requests than one tenant may have of it, however many send some', () => {
    world = new World().people();
    const bob = world.login('bob');
    const many = Array.from({ length: 10 }, () => world?.login('ann') as Client);
    world.ask(many[0] as Client, 'PING');
    world.ask(bob, 'PING');
    const request = wire('SET', 'large', 'v'.repeat(PIECES * PIECE_BYTES));
    for (let from = 0; from < request.length; from += PIECE_BYTES) {
      for (const { socket } of many) socket.deliver(request.subarray(from, from + PIECE_BYTES));
    }
    const unread = () => many.reduce((sum, { socket }) => sum + socket.unreadChunks, 0);
    // What was read before anybody could be asked: a piece of each, and another of who came first.
    expect(unread()).toBe(PIECES * many.length - 1);
    let [rounds, most] = [0, 0];
    for (; unread() > 0 && rounds < 10_000; rounds++) {
      const before = unread();
      bob.socket.deliver(wire('PING'));
      world.turn(bob, ...many);
      most = Math.max(most, before - unread());
    }
    expect(unread()).toBe(0);
    // One in each of the three rounds of a turn.
    expect(most).toBeLessThanOrEqual(3);
    for (let round = 0; round < 1000; round++) world.turn(bob, ...many);
    expect(many.map(({ socket }) => socket.text())).toEqual(many.map(() => '+OK\r\n'));
  });

  it('answers what was received of a client that closed its half while it waited', () => {
    world = new World().people();
    const ann = world.login('ann');
    world.login('bob');
    costing(world, 0.2);
    pipeline(ann, 100);
    ann.socket.finish();
    let text = '';
    for (let round = 0; round < 200; round++) {
      world.turn(ann);
      text += ann.socket.text();
    }
    expect(heard(text)).toHaveLength(100);
    expect(ann.socket.isEnded).toBe(true);
  });

  it('forgets who closed while it waited', () => {
    world = new World().people();
    const ann = world.login('ann');
    const bob = world.login('bob');
    costing(world, 0.2);
    pipeline(ann, 100);
    ann.socket.hangUp();
    world.turn(ann, bob);
    expect(world.ask(bob, 'PING')).toBe('+PONG\r\n');
    expect(world.closings().get(ann.connection.id)).toEqual(['client_closed']);
  });
});

describe('shares', () => {
  /** Tenants whose workers always have more to do, in pieces that cost what they cost. */
  function run(costs_ms: readonly number[], rounds: number): { readonly used: number[]; readonly longest_ms: number } {
    const clock = new FakeClock(0);
    const timing: Pick<Timing, 'isFresh' | 'readAt_ms'> = {
      isFresh: false,
      get readAt_ms() {
        return clock.now;
      },
    };
    const turns = new Turns(clock, timing);
    const used = costs_ms.map(() => 0);
    const work = (tenant: number, worker: Worker) => {
      const share = turns.of(tenant);
      const from_ms = clock.now;
      if (!turns.isSpent(share, from_ms)) {
        const cost_ms = costs_ms[tenant] ?? 0;
        do {
          clock.now += cost_ms;
          used[tenant] = (used[tenant] ?? 0) + cost_ms;
        } while (!turns.isOver(share, from_ms));
        turns.book(share, from_ms);
      }
      turns.wait(share, worker);
    };
    for (const tenant of costs_ms.keys()) {
      for (let i = 0; i < 3; i++) {
        const worker: Worker = { goOnWithTurn: () => work(tenant, worker) };
        worker.goOnWithTurn();
      }
    }
    let longest_ms = 0;
    for (let round = 0; round < rounds; round++) {
      const from_ms = clock.now;
      turns.endRound();
      longest_ms = Math.max(longest_ms, clock.now - from_ms);
    }
    turns.close();
    return { used, longest_ms };
  }

  it('are even over time, however large the pieces are that tenants work in', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 5, noNaN: true }), { minLength: 2, maxLength: 5 }), (costs) => {
        const { used, longest_ms } = run(costs, 2000);
        expect(Math.max(...used)).toBeLessThanOrEqual(1.2 * Math.min(...used) + 40);
        expect(Math.min(...used)).toBeGreaterThan(0);
        expect(longest_ms).toBeLessThanOrEqual(costs.reduce((sum, cost) => sum + cost + TURN_MS_CONTENDED, 0));
      }),
      { numRuns: 50 },
    );
  });

  it('are long for who is alone', () => {
    const { longest_ms } = run([0.1], 100);
    expect(longest_ms).toBeGreaterThanOrEqual(TURN_MS_DEFAULT);
    expect(longest_ms).toBeLessThan(2 * TURN_MS_DEFAULT);
  });
});
