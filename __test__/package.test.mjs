import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = path.join(import.meta.dirname, '..');

/** An empty project into which the packed root and the packed platform package are installed. */
let project;

beforeAll(() => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'aluvia-package-'));
  project = path.join(folder, 'project');
  mkdirSync(project);
  writeFileSync(
    path.join(project, 'package.json'),
    JSON.stringify({ name: 'project', private: true }),
  );
  const tarballs = [pack(ROOT, folder), pack(platformPackage(folder), folder)];
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs], project);
}, 120_000);

afterAll(() => rmSync(path.dirname(project), { recursive: true }));

test('the quick start of the README runs in an empty project', () => {
  // Given the README's example that needs no account, with a visit where it says what the sites answer
  const example = readme().find((block) => block.includes('startSandbox'));
  const visit = `
    const { get } = require('node:http');
    const visit = (url) => new Promise((resolve, reject) => {
      get(url, { agent: session.asNodeAgent() }, async (response) => {
        resolve(JSON.parse((await response.toArray()).join('')).via);
      }).on('error', reject);
    });
    console.log(await visit(sandbox.sites['shop.localhost'].http));
    console.log(await visit(sandbox.sites['news.localhost'].http));`;
  const script = example.replace(/^\/\/ sandbox\.sites.*$/m, visit);
  expect(script).toContain(visit);

  // When it is pasted into a new file
  const output = run(`(async () => {${script}})();`, 'quick-start.cjs');

  // Then the sites were reached as its rules say, and the program has ended by itself
  expect(output).toMatch(/^gateway\ndirect$/m);
});

test('require and import give the same classes', () => {
  const output = run(
    `import { createRequire } from 'node:module';
     import * as imported from '@aluvia/aluvia-node';
     const required = createRequire(import.meta.url)('@aluvia/aluvia-node');
     const names = Object.keys(required);
     console.log(names.length > 8 && names.every((name) => imported[name] === required[name]));`,
    'import.mjs',
  );

  expect(output.trim()).toBe('true');
});

test('a bundle of a program finds the addon beside it', async () => {
  // Given a program, bundled by a bundler that knows nothing of addons
  const { build } = await import('rolldown');
  writeFileSync(
    path.join(project, 'program.js'),
    `const { matchPattern } = require('@aluvia/aluvia-node'); console.log(matchPattern('a.test', '*.test'));`,
  );
  await build({
    cwd: project,
    input: 'program.js',
    platform: 'node',
    output: { file: path.join(project, 'bundle.cjs'), format: 'cjs' },
    logLevel: 'silent',
  });

  // When the bundle runs
  const output = execFileSync(process.execPath, ['bundle.cjs'], { cwd: project, encoding: 'utf8' });

  // Then it has loaded the addon
  expect(output.trim()).toBe('true');
});

test('the packed root has what it needs and nothing else', () => {
  const [{ files }] = JSON.parse(npm(['pack', '--dry-run', '--json'], ROOT));
  const names = files.map((file) => file.path);

  const needed = ['index.js', 'index.d.ts', 'testing.d.ts', 'binding.js', 'README.md', 'LICENSE'];
  expect(names).toEqual(expect.arrayContaining(needed));
  expect(names.filter((name) => /\.node$|^(src|crates|__test__|scripts|npm)\//.test(name))).toEqual(
    [],
  );
});

/** The code blocks of the README. */
function readme() {
  const text = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  return [...text.matchAll(/```js\n([^`]*)```/g)].map(([, code]) => code);
}

/** Runs a script in the project. */
function run(script, name) {
  writeFileSync(path.join(project, name), script);
  return execFileSync(process.execPath, [name], {
    cwd: project,
    encoding: 'utf8',
    timeout: 20_000,
  });
}

/** Packs a folder and returns the path of the tarball. */
function pack(folder, destination) {
  const [{ filename }] = JSON.parse(
    npm(['pack', '--json', '--pack-destination', destination], folder),
  );
  return path.join(destination, filename);
}

/** The platform package of this machine, with the addon in it. */
function platformPackage(folder) {
  const addon = readdirSync(ROOT).find((name) => name.endsWith('.node'));
  const platform = addon.split('.')[1];
  const copy = path.join(folder, platform);
  cpSync(path.join(ROOT, 'npm', platform), copy, { recursive: true });
  copyFileSync(path.join(ROOT, addon), path.join(copy, addon));
  return copy;
}

function npm(args, cwd) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
