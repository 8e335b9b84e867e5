/** `portcullis check`: would these policies load? Says where not; else what they come to, and what in them is risky. */
import { relative } from 'node:path';
import { counted } from '../base/counted.ts';
import type { Policy, PolicyProblem } from '../policy/policy.ts';
import { type Risk, risksOf } from '../policy/risks.ts';
import { PolicySource } from '../policy/source.ts';
import { type Loaded, loadForTool, parseWords, problemLines, type ToolEdge, type ToolResult } from './policy-tool.ts';

const GATEWAY_FILE = 'gateway.yaml';

interface Note extends PolicyProblem {
  /** Stable; `note` for what loading itself remarks. */
  readonly code: string;
}

/** Exit code 0 when the policies would be taken, 1 when not. Notes do not count. */
export function runCheck(args: readonly string[], edge: ToolEdge): ToolResult {
  const words = parseWords(args, { json: { type: 'boolean' } }, false);
  if (!words.ok) return { exitCode: 1, output: `${words.fault}\n` };
  const isJson = words.value.values.get('json') === true;
  const loaded = loadForTool(words.value, edge);
  const { folder, policy } = loaded;
  const shown = relative(edge.cwd, folder) || '.';
  if (!policy.ok) {
    const count = policy.fault.length;
    if (isJson)
      return { exitCode: 1, output: `${JSON.stringify({ good: false, problems: policy.fault, notes: [] })}\n` };
    const verdict = `${count} ${count === 1 ? 'problem' : 'problems'}: these policies would be refused\n`;
    return { exitCode: 1, output: problemLines(shown, policy.fault) + verdict };
  }
  const notes = notesOf(policy.value, loaded);
  if (isJson) return { exitCode: 0, output: `${JSON.stringify({ good: true, problems: [], notes })}\n` };
  const remarks = notes.map(({ message, ...at }) => ({ ...at, message: `note: ${message}` }));
  return { exitCode: 0, output: problemLines(shown, remarks) + summary(shown, policy.value, loaded.files.length) };
}

function summary(shown: string, { tenants, users }: Policy, files: number): string {
  const inFiles = users.filter(({ position }) => position !== undefined).length;
  const names = tenants.map(({ name, suspended }) => (suspended ? `${name}: suspended` : name)).join(', ');
  const parts = [counted(files, 'file'), `${counted(tenants.length, 'tenant')} (${names})`];
  return `${shown}: ${parts.join(', ')}, ${counted(inFiles, 'user')} in files: good\n`;
}

function notesOf(policy: Policy, { read }: Loaded): readonly Note[] {
  const remarks = policy.notes.map((note) => ({ ...note, code: 'note' }));
  const text = read(GATEWAY_FILE);
  const gateway = text.ok ? PolicySource.parse(GATEWAY_FILE, text.value, []) : undefined;
  const source = gateway ?? PolicySource.empty(GATEWAY_FILE);
  return [...remarks, ...risksOf(policy).map((risk) => noteOf(risk, source))];
}

function noteOf({ code, at, message }: Risk, source: PolicySource): Note {
  const position = 'file' in at ? at : source.positionOf(at);
  return { ...position, code, message };
}
