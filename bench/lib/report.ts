/** docs/performance.md: generated, except for what stands between its two marks. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Goal, goalsTable, type Section } from './goals.ts';
import { findProgram, versionOf } from './processes.ts';
import { asMarkdown } from './table.ts';

const REPORT = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const NOTES_START = '<!-- notes -->';
const NOTES_END = '<!-- /notes -->';

const METHOD = `We are measured with everything on and nothing of it binding: an allowlist of 10,000 networks on each
listener, a limit of connections of an address, a user with key patterns, command rules and addresses, a tenant with a
memory budget and with rates of commands and of bytes each way. redis-server has the same user with the same rules.
Neither keeps anything on the disk, but where that is what is measured. All servers use the same certificate. HAProxy has one thread. Everything runs on one machine,
driver included, so absolute figures are of that machine; the ratios are what to compare.`;

function versions(node: string | undefined): string[] {
  const programs: readonly (readonly [name: string, program: string | undefined, flag: string])[] = [
    ['redis-server', findProgram('redis-server'), '--version'],
    ['HAProxy', findProgram('haproxy'), '-v'],
    ['stunnel', findProgram('stunnel4', 'stunnel'), '-version'],
    ['Node', node, '--version'],
  ];
  const bun = process.versions['bun'];
  const ours = bun === undefined ? `Node ${process.versions.node}` : `Bun ${bun}`;
  const peers = programs.flatMap(([name, program, flag]) => {
    if (program === undefined) return name === 'Node' ? [] : [`${name}: not installed`];
    const [number] = /\d+\.\d+(?:\.\d+)*/.exec(versionOf(program, flag)) ?? ['unknown'];
    return [`${name} ${number}`];
  });
  return [ours, ...peers];
}

/** Facts that matter to figures; nothing by which a machine could be known. */
function machine(): string {
  const gibibytes = Math.round(os.totalmem() / 2 ** 30);
  return `${os.cpus().length} cores (${os.arch()}), ${gibibytes} GiB of memory, Linux`;
}

function notes(): string {
  if (!existsSync(REPORT)) return '\n';
  const text = readFileSync(REPORT, 'utf8');
  const [start, end] = [text.indexOf(NOTES_START), text.indexOf(NOTES_END)];
  return start === -1 || end < start ? '\n' : text.slice(start + NOTES_START.length, end);
}

export function saveReport(sections: readonly Section[], command: string, node: string | undefined): string {
  const goals: readonly Goal[] = sections.flatMap((section) => section.goals);
  const facts = [
    `- Machine: ${machine()}`,
    `- Date: ${new Date().toISOString().slice(0, 10)}`,
    `- Versions: ${versions(node).join(', ')}`,
    `- Made with: \`${command}\``,
  ];
  const parts = [
    '# Performance',
    'Written by `npm run bench -- --save`; only what stands between the two marks is kept when it is written again.',
    `${NOTES_START}${notes()}${NOTES_END}`,
    METHOD,
    facts.join('\n'),
    ...(goals.length === 0 ? [] : [asMarkdown(goalsTable(goals)).trimEnd()]),
    ...sections.flatMap(({ tables }) => tables.map((table) => asMarkdown(table).trimEnd())),
  ];
  writeFileSync(REPORT, `${parts.join('\n\n')}\n`);
  return 'docs/performance.md';
}
