import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly body: string;
  readonly tag: string;
}

const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
} as const;

/** The folder above this layer: the modules of the page and those that it shares with the server lie under it. */
const SOURCE = path.join(import.meta.dirname, '..');
/** Under this the modules are found by their path in the source. */
const MODULES = '/source/';
const MAIN = 'http/page/main.js';

/**
 * All files of the page, read once and kept, by their path: an installation that is replaced while the process runs
 * does no harm. They come from here alone; the page asks nobody else for anything.
 */
export function pageAssets(): ReadonlyMap<string, Asset> {
  const require = createRequire(import.meta.url);
  const file = (name: string): string => readFileSync(path.join(SOURCE, 'http', 'page', name), 'utf8');
  const library = (name: string): string => readFileSync(require.resolve(`uplot/dist/${name}`), 'utf8');
  const assets = new Map<string, Asset>([
    ['/', asset('html', file('index.html'))],
    ['/page.css', asset('css', file('page.css'))],
    ['/icon.svg', asset('svg', file('icon.svg'))],
    ['/uplot.js', asset('js', library('uPlot.iife.min.js'))],
    ['/uplot.css', asset('css', library('uPlot.min.css'))],
  ]);
  addModule(assets, MAIN);
  return assets;
}

/** A module, and all that it imports. */
function addModule(assets: Map<string, Asset>, module: string): void {
  const url = `${MODULES}${module}`;
  if (assets.has(url)) return;
  const body = readFileSync(path.join(SOURCE, module), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '');
  assets.set(url, asset('js', body));
  for (const [, imported] of body.matchAll(/^(?:import|export) [^'";]*from '(\.[^']+)';$/gm))
    addModule(assets, path.posix.join(path.posix.dirname(module), imported!));
}

function asset(type: keyof typeof TYPES, body: string): Asset {
  const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { type: TYPES[type], body, tag };
}
