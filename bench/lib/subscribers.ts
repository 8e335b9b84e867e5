/** Helper: TLS connections subscribed to one channel, whose messages are counted in bytes and otherwise not read. */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { z } from 'zod';
import { runHelper } from './helper.ts';
import { encode } from './wire.ts';

const BATCH_CONNECTIONS = 100;

const taskSchema = z.object({
  port: z.number(),
  count: z.number(),
  ca: z.string(),
  user: z.string(),
  password: z.string(),
  channel: z.string(),
});

await runHelper(async (task) => {
  const { port, count, ca, user, password, channel } = taskSchema.parse(task);
  const secureContext = tls.createSecureContext({ ca: readFileSync(ca, 'utf8') });
  const greeting = `+OK\r\n*3\r\n$9\r\nsubscribe\r\n$${channel.length}\r\n${channel}\r\n:1\r\n`;
  let bytes = 0;
  let lost = 0;
  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext });
      let head = '';
      socket.once('error', reject);
      socket.once('secureConnect', () =>
        socket.write(encode(['AUTH', user, password]) + encode(['SUBSCRIBE', channel])),
      );
      const greeted = (chunk: Uint8Array): void => {
        head += Buffer.from(chunk).toString('latin1');
        if (head.length < greeting.length && greeting.startsWith(head)) return;
        if (head !== greeting) return reject(new Error(`a subscriber was answered ${head.slice(0, 100)}`));
        socket.off('data', greeted);
        socket.on('data', (message) => {
          bytes += message.length;
        });
        socket.on('error', () => undefined);
        socket.once('close', () => lost++);
        resolve();
      };
      socket.on('data', greeted);
    });
  for (let opened = 0; opened < count; opened += BATCH_CONNECTIONS) {
    await Promise.all(Array.from({ length: Math.min(BATCH_CONNECTIONS, count - opened) }, open));
  }
  return () => JSON.stringify({ bytes, lost });
});
