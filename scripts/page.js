// Puts the files of the page that are no program beside its modules in dist (build first).
import { copyFileSync } from 'node:fs';

for (const file of ['index.html', 'page.css', 'icon.svg']) {
  copyFileSync(
    new URL(`../src/http/page/${file}`, import.meta.url),
    new URL(`../dist/src/http/page/${file}`, import.meta.url),
  );
}
