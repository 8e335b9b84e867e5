/** The reference: a real redis-server on a free port. */
export { RedisServer, redisServerInstalled } from '../wire/redis-server.ts';
