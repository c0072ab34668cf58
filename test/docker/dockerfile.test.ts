// There is no Docker engine where the tests run. What breaks a Dockerfile in practice is the rest of the project
// changing under it, and that can be seen without one.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { at } from './at.ts';
import { environmentOf, execForm, readDockerfile, restsOf, root } from './dockerfile.ts';
import { flagOfVariable, proxyFlags } from './proxy_help.ts';

const instructions = readDockerfile();
const packageJson: unknown = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const last = instructions.slice(instructions.findLastIndex((one) => one.name === 'FROM'));

/** Sources of every COPY from the build context. */
const copied = restsOf(instructions, 'COPY')
  .filter((rest) => !rest.startsWith('--from='))
  .flatMap((rest) => rest.split(' ').slice(0, -1));

function only(name: string): string {
  const [rest, ...others] = restsOf(last, name);
  assert.ok(rest !== undefined && others.length === 0, `one ${name} in the last stage`);
  return rest;
}

describe('Dockerfile', () => {
  it('takes both stages from one image, pinned to a major version', () => {
    const images = restsOf(instructions, 'FROM').map((rest) => rest.split(' ')[0] ?? '');
    assert.equal(new Set(images).size, 1);
    const [, major] = /^node:(\d+)-/.exec(images[0] ?? '') ?? [];
    const [, least] = /^>=(\d+)/.exec(String(at(packageJson, 'engines', 'node'))) ?? [];
    assert.ok(Number(major) >= Number(least), `node:${major} is too old for package.json`);
  });

  it('copies what exists and what .dockerignore lets through', () => {
    const lines = readFileSync(path.join(root, '.dockerignore'), 'utf8').split('\n');
    const rules = lines.filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(rules[0], '*');
    assert.deepEqual(
      rules.slice(1).toSorted(),
      copied
        .map((name) => `!${name}`)
        .filter((rule, index, all) => all.indexOf(rule) === index)
        .toSorted(),
    );
    for (const name of copied) assert.ok(existsSync(path.join(root, name)), name);
  });

  it('runs npm scripts that exist, of which every file is copied', () => {
    for (const [, name = ''] of restsOf(instructions, 'RUN')
      .join('\n')
      .matchAll(/npm run (\S+)/g)) {
      const script = at(packageJson, 'scripts', name);
      assert.ok(typeof script === 'string', `npm run ${name}`);
      for (const [file] of script.matchAll(/scripts\/\S+/g)) assert.ok(copied.includes(file), file);
    }
  });

  it('starts the command line, without a shell that would keep the signals', () => {
    assert.equal(only('STOPSIGNAL'), 'SIGTERM');
    const [program, main = ''] = execForm(only('ENTRYPOINT'));
    assert.equal(program, 'node');
    assert.ok(existsSync(path.join(root, main)), main);
    assert.deepEqual(execForm(only('CMD')), ['proxy']);
  });

  it('runs as an unprivileged user', () => {
    assert.equal(only('USER'), 'node');
  });

  it('checks its health with a script that is in the image', () => {
    const [program, script = ''] = execForm(only('HEALTHCHECK').replace(/^.*CMD /, ''));
    assert.equal(program, 'node');
    assert.ok(copied.includes(script), script);
  });

  it('listens on the port that it exposes, by a setting that exists', () => {
    const environment = environmentOf(last);
    assert.equal(environment.get('PGNETFLOW_LISTEN'), `0.0.0.0:${only('EXPOSE')}`);
    const flags = proxyFlags();
    for (const name of environment.keys()) {
      if (name.startsWith('PGNETFLOW_')) assert.ok(flags.has(flagOfVariable(name)), name);
    }
  });
});
