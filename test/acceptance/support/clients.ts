/** What the scenarios of client libraries share: where and as whom to connect, and how to wait for something to become true. */
import type { Serve } from './serve.ts';

/** Over several shards the keys of one command or transaction need a common hash tag, as in Redis Cluster. */
export const shards = Number(process.env['PORTCULLIS_SHARDS'] ?? 1);

const EVENTUALLY_MS_MAX = 20_000;
const EVENTUALLY_PAUSE_MS = 10;

export interface Login {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly tls: { readonly ca: string; readonly servername: string };
}

/** As ioredis and its relatives take it. */
export function login(serve: Serve, user = 'app'): Login {
  return {
    host: '127.0.0.1',
    port: serve.tlsPort,
    username: user,
    password: serve.password(user),
    tls: { ca: serve.ca, servername: 'localhost' },
  };
}

/** As node-redis takes it. */
export function nodeRedisLogin(serve: Serve, user = 'app') {
  const { host, port, username, password, tls } = login(serve, user);
  return { username, password, socket: { host, port, tls: true as const, ...tls } };
}

/** Asks again until it holds; what never does fails with what it was about. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + EVENTUALLY_MS_MAX;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, EVENTUALLY_PAUSE_MS));
  }
}
