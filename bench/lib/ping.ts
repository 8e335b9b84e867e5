/** Helper: asks PING one at a time and notes how long each answer took, which is how long the server's loop was away. */
import net from 'node:net';
import { z } from 'zod';
import { runHelper } from './helper.ts';

const WARM_UP_PINGS = 2_000;
const PINGS_MAX = 16_000_000;
const PING = Buffer.from('*1\r\n$4\r\nPING\r\n');

const taskSchema = z.object({ port: z.number(), user: z.string(), password: z.string() });

await runHelper(async (task) => {
  const { port, user, password } = taskSchema.parse(task);
  const durations_ms = new Float32Array(PINGS_MAX);
  let count = 0;
  let from = 0;
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const ask = (): void => {
    from = performance.now();
    socket.write(PING);
  };
  await new Promise<void>((resolve, reject) => {
    socket.once('data', (chunk) => {
      if (!chunk.toString().startsWith('+OK')) reject(new Error('PING helper cannot log in'));
      socket.on('data', () => {
        durations_ms[count++ % PINGS_MAX] = performance.now() - from;
        if (count === WARM_UP_PINGS) resolve();
        ask();
      });
      ask();
    });
    socket.write(`*3\r\n$4\r\nAUTH\r\n$${user.length}\r\n${user}\r\n$${password.length}\r\n${password}\r\n`);
  });
  count = 0;
  return () => {
    const sorted = durations_ms.subarray(0, Math.min(count, PINGS_MAX)).sort();
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    return JSON.stringify({ count, p50_ms: at(0.5), p99_ms: at(0.99), p999_ms: at(0.999), max_ms: at(1) });
  };
});
