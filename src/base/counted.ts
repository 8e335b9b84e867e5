/** A number of things, as a person reads it: `1 key`, `2 keys`. */
export function counted(count: number, what: string, many = `${what}s`): string {
  return `${count} ${count === 1 ? what : many}`;
}
