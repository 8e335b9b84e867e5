/** The JavaScript of README.md runs as it is printed, against a started gateway in place of the one on port 6380. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../support/ports.ts';
import { ROOT, Serve } from '../support/serve.ts';

const RUN_MS_MAX = 30_000;
/** Between the words under which a recipe stands and its block. */
const BLOCK = /^(?:\*\*|From )([^*\n]+?)(?:\*\*|:)[^`]*(?:`[^`]+`[^`]*)*?```js\n([\s\S]*?)```/gm;

const recipes = new Map(
  Array.from(readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(BLOCK), ([, title = '', block = '']) => [
    title,
    block,
  ]),
);

let serve: Serve;
let folder: string;
beforeAll(async () => {
  serve = await Serve.start();
  // Below node_modules the imports resolve as they would in an application.
  const cache = join(ROOT, 'node_modules', '.cache', 'portcullis');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'recipes-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await serve.dispose();
});

describe('README.md', () => {
  it.each([
    ['Node with ioredis', 'OK\n'],
    ['As a cache.', '<p>hello</p> <p>hello</p>\n'],
    ['As a queue.', "OK\n[ 'task', 'resize 7.png' ]\n"],
    ['As a broker.', 'OK\n'],
  ])('%s', async (title, printed) => {
    const block = recipes.get(title) ?? expect.fail(`${title} is not among ${Array.from(recipes.keys()).join(', ')}`);
    // What does not connect by itself goes on from the first one.
    const before = block.includes('readFileSync') ? '' : recipes.get('Node with ioredis');
    const file = join(folder, 'recipe.mjs');
    const text = `${before}${block}`
      .replaceAll('certs-dev/', `${serve.folder}/certs/`)
      .replaceAll('6380', String(serve.tlsPort))
      .replaceAll('3000', String(await freePort()));
    writeFileSync(file, `${text}\nprocess.exit();\n`);
    const ended = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: RUN_MS_MAX });
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toBe(printed);
    expect(ended.status).toBe(0);
  });
});
