/** The pub/sub family. */
import type { Declaration } from '../../command/spec.ts';
import { publish, spublish } from './publish.ts';
import { pubsub } from './pubsub.ts';
import { psubscribe, punsubscribe, ssubscribe, subscribe, sunsubscribe, unsubscribe } from './subscribe.ts';

export const pubsubDeclarations: readonly Declaration[] = [
  psubscribe,
  publish,
  pubsub,
  punsubscribe,
  spublish,
  ssubscribe,
  subscribe,
  sunsubscribe,
  unsubscribe,
];
