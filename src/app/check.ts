/** `portcullis check`: would these policies load? Says where not; else what they come to. */
import { relative } from 'node:path';
import { loadForTool, parseWords, problemLines, type ToolEdge, type ToolResult } from './policy-tool.ts';

/** Exit code 0 when the policies would be taken, 1 when not. */
export function runCheck(args: readonly string[], edge: ToolEdge): ToolResult {
  const words = parseWords(args, {}, false);
  if (!words.ok) return { exitCode: 1, output: `${words.fault}\n` };
  const { folder, policy, files } = loadForTool(words.value, edge);
  const shown = relative(edge.cwd, folder) || '.';
  if (!policy.ok) {
    const count = policy.fault.length;
    const verdict = `${count} ${count === 1 ? 'problem' : 'problems'}: these policies would be refused\n`;
    return { exitCode: 1, output: problemLines(shown, policy.fault) + verdict };
  }
  const { tenants, users, notes } = policy.value;
  const inFiles = users.filter(({ position }) => position !== undefined).length;
  const summary = `${shown}: ${counted(files.length, 'file')}, ${counted(tenants.length, 'tenant')} (${tenants
    .map(({ name, suspended }) => (suspended ? `${name}: suspended` : name))
    .join(', ')}), ${counted(inFiles, 'user')} in files: good\n`;
  const remarks = notes.map(({ message, ...at }) => ({ ...at, message: `note: ${message}` }));
  return { exitCode: 0, output: problemLines(shown, remarks) + summary };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
