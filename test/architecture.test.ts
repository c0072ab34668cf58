import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

/** In the source tree: the built tests run from dist/test. */
const ROOT = path.join(import.meta.dirname, '..', '..');

/** The layers in the order of the table in docs/architecture.md, the lowest first. */
function documentedLayers(): string[] {
  const document = readFileSync(path.join(ROOT, 'docs', 'architecture.md'), 'utf8');
  return [...document.matchAll(/^\| `src\/(\w+)\/`/gm)].map((match) => match[1]!);
}

/** Every import of one layer from another: the file, and the layer that it imports from. */
function* importsBetweenLayers(): Generator<{ file: string; from: string; to: string }> {
  for (const file of readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || path.dirname(file) === '.') continue;
    const [from] = file.split(path.sep);
    const text = readFileSync(path.join(ROOT, 'src', file), 'utf8');
    for (const match of text.matchAll(/from '((?:\.\.\/)+)(\w+)\//g)) {
      // As many steps up as lead out of the layer.
      if (match[1]!.length / 3 === file.split(path.sep).length - 1)
        yield { file, from: from!, to: match[2]! };
    }
  }
}

describe('the layers of docs/architecture.md', () => {
  const layers = documentedLayers();

  it('are the folders of src', () => {
    const folders = readdirSync(path.join(ROOT, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    assert.deepEqual(layers.toSorted(), folders.toSorted());
  });

  it('import only from layers below them', () => {
    const found = [...importsBetweenLayers()];
    assert.ok(found.length > 50, 'the imports were found');
    const upwards = found.filter(({ from, to }) => layers.indexOf(to) >= layers.indexOf(from));
    assert.deepEqual(upwards, []);
  });
});
