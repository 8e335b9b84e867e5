/** Everything that reads what strangers or files bring. One entry a target: a new one is a file and a line here. */
import { decoderTarget } from './decoder.ts';
import { gatewayFileTarget, tenantFileTarget } from './policies.ts';
import { proxyTarget } from './proxy.ts';
import type { Target } from './target.ts';
import { tokenTarget } from './token.ts';

export const TARGETS: readonly Target[] = [
  decoderTarget,
  proxyTarget,
  tokenTarget,
  gatewayFileTarget,
  tenantFileTarget,
];
