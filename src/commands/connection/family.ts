/** The connection family. */
import type { Declaration } from '../../command/spec.ts';
import { echo, ping, select } from './basics.ts';
import { client } from './client.ts';
import { auth, hello, quit, reset } from './handshake.ts';

export const connectionDeclarations: readonly Declaration[] = [auth, client, echo, hello, ping, quit, reset, select];
