/** Which runtimes may serve. */

/** Older ones resume TLS sessions past a demand for client certificates, or cannot load TypeScript. */
const NODE_MIN = [24, 17] as const;

/** What is wrong with the runtime, in one line; undefined when it may serve. */
export function runtimeFault(versions: {
  readonly node: string;
  readonly bun?: string | undefined;
}): string | undefined {
  if (versions.bun !== undefined) return undefined;
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  const isNewEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (isNewEnough) return undefined;
  return `Node ${versions.node} is too old to serve, it takes ${NODE_MIN.join('.')}: its TLS is not safe enough`;
}
