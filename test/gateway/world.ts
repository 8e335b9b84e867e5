/** A gateway without ports: real gates, real commands and a real shard, on sockets and a clock that tests move by hand. */

import { vi } from 'vitest';
import { AclLog } from '../../src/acl/log.ts';
import { AclRegistry } from '../../src/acl/registry.ts';
import { Roster } from '../../src/acl/roster.ts';
import type { User } from '../../src/acl/user.ts';
import { parseAddress } from '../../src/base/cidr.ts';
import { DATABASE_COUNT, GATEWAY_TICK_MS, TURN_MS_DEFAULT } from '../../src/base/limits.ts';
import { type Command, KeyList } from '../../src/command/command.ts';
import type {
  Backend,
  Caller,
  LaterReplies,
  LaterReply,
  PooledTransaction,
  PooledTransactions,
} from '../../src/command/ports/backend.ts';
import { NO_DURABILITY } from '../../src/command/ports/durability.ts';
import type { ServerPort } from '../../src/command/ports/server.ts';
import { Connection } from '../../src/gateway/connection.ts';
import type { Core } from '../../src/gateway/core.ts';
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts';
import type { SecurePeer } from '../../src/gateway/secure-peer.ts';
import type { GatewayView } from '../../src/gateway/view.ts';
import { NO_LOGINS } from '../../src/identity/terms.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { SharedBudgets } from '../../src/shards/budgets.ts';
import { InlineBackend, type InlineOptions } from '../../src/shards/inline.ts';
import { type Budget, NO_BUDGET } from '../../src/tenancy/budget.ts';
import { type Tenant, TenantRegistry, type TenantTerms } from '../../src/tenancy/tenant.ts';
import { AclWorld } from '../acl/support.ts';
import { ENGINE_SETTINGS } from '../support/engine-settings.ts';
import { FakeClock } from '../support/harness.ts';
import { FakeSocket } from './fake-socket.ts';

export const NO_LIMIT = { hardBytes: 0, softBytes: 0, softSeconds: 0 };

export const VIEW: GatewayView = {
  timing: { slowlogSlowerThan_us: 10_000, slowlogMaxLength: 128, latencyTracking: true, latencyThreshold_ms: 0 },
  tenantTurn_ms: TURN_MS_DEFAULT,
  maxclients: 10_000,
  connectionsPerIp: 0,
  perIpExempt: undefined,
  timeoutSeconds: 0,
  tcpKeepaliveSeconds: 0,
  handshakeTimeoutSeconds: 5,
  authenticationTimeoutSeconds: 10,
  bulkBytesMax: 512 * 1024 * 1024,
  keyspaceEvents: 0,
  queryBufferBytesMax: 1024 * 1024 * 1024,
  outputLimits: { normal: NO_LIMIT, pubsub: NO_LIMIT, replica: NO_LIMIT },
  adminAddresses: undefined,
  userAddresses: new Map(),
  logins: NO_LOGINS,
  trustLoopback: false,
  protectedMode: false,
  drainTimeoutSeconds: 2,
};

export function inlineBackend(durable?: InlineOptions['durable']): InlineBackend {
  return new InlineBackend({
    budgets: new SharedBudgets(1),
    hashKey: [1, 2],
    seed: 1,
    engine: ENGINE_SETTINGS,
    ...(durable === undefined ? {} : { durable }),
  });
}

interface Owed {
  readonly place: LaterReply;
  readonly bytes: Uint8Array;
}

/** As a pool has it: all of it runs when it is sent, and is answered later. */
class LaterTransaction implements PooledTransaction {
  private readonly backend: LaterBackend;
  private readonly inline: InlineBackend;
  private readonly caller: Caller;
  private readonly out: ReplyWriter;
  private readonly queued: [Command, Request, number][] = [];

  constructor(backend: LaterBackend, inline: InlineBackend, caller: Caller, protocol: 2 | 3) {
    this.backend = backend;
    this.inline = inline;
    this.caller = caller;
    this.out = new ReplyWriter(protocol);
  }

  add(command: Command, request: Request, _keys: KeyList, databaseNumber: number): undefined {
    const words = Array.from({ length: request.argc }, (_, at) => Uint8Array.from(request.copy(at)));
    this.queued.push([command, Request.of(...words), databaseNumber]);
  }

  send(done: Parameters<PooledTransaction['send']>[0]): void {
    const { inline, out, caller, backend } = this;
    const { begin, end } = inline.transactions;
    if (!begin(caller)) out.nullArray();
    else {
      out.array(this.queued.length);
      for (const [command, request, databaseNumber] of this.queued) {
        command.parse(request);
        inline.run(command, request, NO_KEYS, { ...caller, databaseNumber }, out, NOT_LATER);
      }
      end();
    }
    const place: LaterReply = {
      protocol: out.protocol,
      settleBytes: (bytes, from, to) => done(bytes, from, to, 0),
      settle: () => {},
    };
    backend.owed.push({ place, bytes: out.take() });
    if (!backend.isLate()) backend.answer(backend.owed.length - 1);
  }
}

const NO_KEYS = new KeyList();
const NOT_LATER: LaterReplies = {
  later: () => {
    throw new Error('nothing is late in a transaction');
  },
  block: () => {
    throw new Error('nothing waits in a transaction');
  },
};

/** Runs every command when it is asked to, and answers whichever it likes later, in whatever order it is told. */
export class LaterBackend implements Backend {
  readonly isInline = false;
  readonly durability = NO_DURABILITY;
  readonly owed: Owed[] = [];
  /** Whether the next answer comes later. */
  isLate: () => boolean = () => true;
  /** Words of the commands that have run, in order. */
  readonly ran: string[] = [];
  private readonly inline: InlineBackend = inlineBackend();
  private readonly out = new ReplyWriter();

  run(
    command: Command,
    request: Request,
    keys: KeyList,
    caller: Caller,
    out: ReplyWriter,
    replies: LaterReplies,
  ): boolean {
    this.ran.push(Array.from({ length: request.argc }, (_, at) => request.text(at).slice(0, 20)).join(' '));
    // Who waits takes its place itself.
    if (command.isBlocking || !this.isLate()) return this.inline.run(command, request, keys, caller, out, replies);
    const place = replies.later();
    this.out.protocol = place.protocol;
    this.out.mark();
    this.inline.run(command, request, keys, caller, this.out, replies);
    this.owed.push({ place, bytes: this.out.take() });
    return false;
  }

  /** Gives the reply that is `at` the so manieth of those owed. */
  answer(at = 0): void {
    const [owed] = this.owed.splice(at, 1);
    // In the middle of a batch, as replies of other threads come.
    if (owed === undefined) return;
    const batch = Buffer.concat([Buffer.from('xx'), owed.bytes, Buffer.alloc(owed.bytes.length + 8)]);
    owed.place.settleBytes(batch, 2, 2 + owed.bytes.length);
  }

  answerAll(): void {
    while (this.owed.length > 0) this.answer();
  }

  flush(): void {
    this.inline.flush();
  }

  readonly transactions: PooledTransactions = {
    kind: 'pooled',
    open: (caller, protocol) => new LaterTransaction(this, this.inline, caller, protocol),
  };
  hasRoom: Backend['hasRoom'] = (...args) => this.inline.hasRoom(...args);
  broadcast: Backend['broadcast'] = (...args) => this.inline.broadcast(...args);
  unwatch: Backend['unwatch'] = (...args) => this.inline.unwatch(...args);
  forget: Backend['forget'] = (...args) => this.inline.forget(...args);
  tell: Backend['tell'] = (...args) => this.inline.tell(...args);
  configureRealm: Backend['configureRealm'] = (...args) => this.inline.configureRealm(...args);
  removeRealm: Backend['removeRealm'] = (...args) => this.inline.removeRealm(...args);
  configureEngine: Backend['configureEngine'] = (...args) => this.inline.configureEngine(...args);
  realmCounts: Backend['realmCounts'] = (...args) => this.inline.realmCounts(...args);
  resetRealmStatistics: Backend['resetRealmStatistics'] = (...args) => this.inline.resetRealmStatistics(...args);
  memory: Backend['memory'] = () => this.inline.memory();
  close: Backend['close'] = () => this.inline.close();
}

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly reason: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A socket and the connection that lives on it. */
export interface Client {
  readonly socket: FakeSocket;
  readonly connection: Connection;
}

/** The table and the judge of rules: the same for every world, as they take longer to make than the rest of it. */
const judge = new AclWorld();
const { table } = judge;

export class World {
  readonly acl = new AclRegistry();
  readonly aclLog = new AclLog();
  readonly tenants = new TenantRegistry();
  readonly clock = new FakeClock(1_000_000);
  readonly lines: LogLine[] = [];
  readonly backend: Backend;
  readonly gateway: Gateway;
  view: GatewayView;
  private lastId = 0;
  private readonly terms = new Map<string, TenantTerms>();

  constructor(backend: Backend = inlineBackend(), view: Partial<GatewayView> = {}) {
    this.backend = backend;
    this.view = { ...VIEW, ...view };
    for (const name of ['default', 'system']) this.terms.set(name, termsOf(name));
    this.applyTerms();
    this.gateway = createGateway(
      {
        table,
        backend,
        acl: this.acl,
        aclLog: this.aclLog,
        tenants: this.tenants,
        clock: this.clock,
        log: { event: (level, event, reason, fields) => this.lines.push({ level, event, reason, fields }) },
        databases: DATABASE_COUNT,
      },
      this.view,
    );
    const server: Partial<ServerPort> = { table, backend, nowMs: () => this.clock.nowMs() };
    this.gateway.serve(server as ServerPort);
  }

  get core(): Core {
    return this.gateway.core;
  }

  // -- Who is there ----------------------------------------------------------------------------------------------------

  private applyTerms(): void {
    const applied = this.tenants.apply(Array.from(this.terms.values()), this.clock.now);
    if (!applied.ok) throw new Error(applied.fault);
    for (const { number, isSystem, name } of applied.value.added) {
      if (isSystem) continue;
      this.backend.configureRealm(number, { name, limitBytes: 0, policy: 'noeviction', valueBytesMax: 0 });
    }
  }

  tenant(name: string, budget: Partial<Budget> = {}, suspended = false): Tenant {
    this.terms.set(name, { ...termsOf(name), budget: { ...NO_BUDGET, ...budget }, suspended });
    this.applyTerms();
    return this.tenants.get(name) as Tenant;
  }

  /** As a policy names it. */
  user(name: string, tenant: string, ...rules: readonly string[]): User {
    return { ...judge.user(rules, name, tenant), origin: 'policy' };
  }

  /** From now on these are all the users there are. */
  enter(...users: readonly User[]): void {
    this.acl.swap(new Roster(0, users));
  }

  /** Everybody may do everything: the user `default` without a password. */
  open(): this {
    this.enter(this.user('default', 'default', 'on', 'nopass', '~*', '&*', '+@all'));
    return this;
  }

  /** Two tenants with a user each, and an operator, all with the password `pw`; `default` is off. */
  people(): this {
    const all = ['on', '>pw', '~*', '&*', '+@all'] as const;
    this.tenant('t1');
    this.tenant('t2');
    this.enter(
      this.user('default', 'default', 'off'),
      this.user('admin', 'system', ...all),
      this.user('ann', 't1', ...all),
      this.user('bob', 't2', ...all),
    );
    return this;
  }

  /** @param secure what it has shown in its handshake; absent: it came over a plain port */
  connect(address = '10.0.0.7', port = 4242, secure?: SecurePeer): Client {
    const parsed = parseAddress(address);
    if (parsed === undefined) throw new Error(`no address: ${address}`);
    const socket = new FakeSocket();
    const isTls = secure !== undefined;
    const peer = { address: parsed, addressText: address, port, localText: '127.0.0.1:6380', isTls, secure };
    const connection = new Connection(this.core, socket.socket, ++this.lastId, peer);
    this.core.clients.add(connection);
    this.core.identity.byDefault(connection);
    return { socket, connection };
  }

  /** Connected and logged in. */
  login(name: string, address?: string): Client {
    const client = this.connect(address);
    const reply = this.ask(client, 'AUTH', name, 'pw');
    if (reply !== '+OK\r\n') throw new Error(`${name}: ${reply}`);
    return client;
  }

  // -- What happens ----------------------------------------------------------------------------------------------------

  send({ socket }: Client, ...words: readonly (string | Uint8Array)[]): void {
    socket.deliver(wire(...words));
  }

  /** Sends, lets the turn end, and reads what has come. */
  ask(client: Client, ...words: readonly (string | Uint8Array)[]): string {
    this.send(client, ...words);
    this.turn(client);
    return client.socket.text();
  }

  /** The rest of the turn, for the gateway and these sockets. */
  turn(...clients: readonly Client[]): void {
    for (let round = 0; round < 3; round++) {
      this.gateway.answered();
      this.core.turns.endRound();
      for (const { socket } of clients) socket.pump();
    }
  }

  /** Time goes by, with the ticks that belong to it. Timers must be vitest's. */
  pass(duration_ms: number): void {
    for (let left_ms = duration_ms; left_ms > 0; left_ms -= GATEWAY_TICK_MS) {
      const step_ms = Math.min(left_ms, GATEWAY_TICK_MS);
      this.clock.now += step_ms;
      vi.advanceTimersByTime(step_ms);
    }
  }

  async passAsync(duration_ms: number): Promise<void> {
    for (let left_ms = duration_ms; left_ms > 0; left_ms -= 10) {
      this.clock.now += 10;
      await vi.advanceTimersByTimeAsync(10);
    }
  }

  /** Why connections ended, as logged: by id. */
  closings(): Map<number, string[]> {
    const closings = new Map<number, string[]>();
    for (const { event, reason, fields } of this.lines) {
      if (event !== 'connection.closed') continue;
      const id = Number(fields['id']);
      closings.set(id, [...(closings.get(id) ?? []), reason]);
    }
    return closings;
  }

  closed(reason: Parameters<Core['counters']['ended']>[0]): number {
    return this.core.counters.closed.get(reason) ?? 0;
  }

  end(): void {
    this.gateway.cut();
    void this.backend.close();
  }
}

/** Small replies, so that the connection lets thousands be on their way. */
export function warmUp(world: World, client: Client, backend: LaterBackend): void {
  client.socket.deliver(Buffer.concat(Array.from({ length: 400 }, () => wire('INCR', 'warm'))));
  for (let round = 0; backend.owed.length > 0 && round < 400; round++) {
    backend.answerAll();
    world.turn(client);
  }
  client.socket.read();
}

export function termsOf(name: string): TenantTerms {
  return { name, budget: NO_BUDGET, addresses: undefined, suspended: false };
}

/** A request as clients send it. */
export function wire(...words: readonly (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word, 'latin1') : Buffer.from(word);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
