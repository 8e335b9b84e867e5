/** ioredis in both protocols and iovalkey, its fork: what a scenario of one is a scenario of all three for. */
import { Redis as IoRedis } from 'ioredis';
import { Redis as IoValkey } from 'iovalkey';
import { login } from './clients.ts';
import type { Serve } from './serve.ts';

export type IoRedisOptions = Record<string, unknown>;
type Connect = (serve: Serve, options?: IoRedisOptions, user?: string) => IoRedis;

export const ioredisLibraries: readonly (readonly [name: string, connect: Connect])[] = [
  ['ioredis in RESP3', (serve, options, user) => new IoRedis({ ...login(serve, user), ...options })],
  ['ioredis in RESP2', (serve, options, user) => new IoRedis({ ...login(serve, user), protocol: 2, ...options })],
  // Where both have a method it is the same method, which the two type declarations cannot know of each other.
  ['iovalkey', (serve, options, user) => new IoValkey({ ...login(serve, user), ...options }) as unknown as IoRedis],
];
