/** Helper: opens TLS connections, logs them in, and holds them without a word. */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { z } from 'zod';
import { runHelper } from './helper.ts';

const BATCH_CONNECTIONS = 200;

const taskSchema = z.object({
  port: z.number(),
  count: z.number(),
  ca: z.string(),
  user: z.string(),
  password: z.string(),
});

await runHelper(async (task) => {
  const { port, count, ca, user, password } = taskSchema.parse(task);
  const secureContext = tls.createSecureContext({ ca: readFileSync(ca, 'utf8') });
  const login = `*3\r\n$4\r\nAUTH\r\n$${user.length}\r\n${user}\r\n$${password.length}\r\n${password}\r\n`;
  let lost = 0;
  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext });
      socket.once('error', reject);
      socket.once('secureConnect', () => socket.write(login));
      socket.once('data', (chunk) => {
        if (!chunk.toString().startsWith('+OK')) return reject(new Error('a connection to hold cannot log in'));
        socket.on('error', () => undefined);
        socket.once('close', () => lost++);
        resolve();
      });
    });
  for (let opened = 0; opened < count; opened += BATCH_CONNECTIONS) {
    await Promise.all(Array.from({ length: Math.min(BATCH_CONNECTIONS, count - opened) }, open));
  }
  return () => JSON.stringify({ lost });
});
