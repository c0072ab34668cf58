import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Collector } from '../collector/collector.ts';
import type { TlsContext } from '../relay/tls_context.ts';
import { Access } from './access.ts';
import { type Asset, pageAssets } from './assets.ts';
import { EventLoopLag } from './event_loop.ts';
import { EventStreams } from './event_streams.ts';
import { CONTENT_TYPES, exposition, type Format } from './exposition.ts';
import { FiguresReader } from './figures_reader.ts';
import { Metrics } from './metrics.ts';
import { pageFigures } from './page_figures.ts';
import { Readiness, type Upstream } from './readiness.ts';

/** Connections at a time; further ones are closed at once, for each takes an open file from a session. */
export const MAX_HTTP_CONNECTIONS = 128;
/** A request that takes longer to arrive is given up. */
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 15_000;
/** Request line and headers. */
const MAX_HEADER_BYTES = 8192;

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** Null: whoever can connect may look. */
  readonly token: string | null;
  /** Null: in the clear. */
  readonly tls: TlsContext | null;
  readonly upstreams: readonly Upstream[];
  /** How many statements have metrics of their own. */
  readonly metricsStatements: number;
  readonly collector: Collector;
  readonly log: Logger;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** What every answer says to a browser: load nothing from elsewhere, show this in no frame, believe the type. */
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/**
 * Metrics, health and the page over HTTP. It only reads: every method but GET and HEAD is refused.
 *
 * Figures are read once a second at most, and each text is made once for all who ask for it meanwhile.
 */
export class HttpServer {
  readonly #options: HttpOptions;
  readonly #access: Access;
  readonly #figures: FiguresReader;
  readonly #metrics: Metrics;
  readonly #readiness: Readiness;
  readonly #streams = new EventStreams(() => this.#pageFigures());
  readonly #assets: ReadonlyMap<string, Asset> = pageAssets();
  readonly #lag = new EventLoopLag();
  readonly #http: http.Server;
  readonly #front: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #isDraining = false;
  /** The last text of each kind, and the figures that it was made of. */
  readonly #texts = new Map<string, { readonly of: unknown; readonly text: string }>();
  readonly #routes: ReadonlyMap<string, Handler>;

  private constructor(options: HttpOptions) {
    this.#options = options;
    this.#access = new Access(options.token, options.host);
    this.#figures = new FiguresReader(options.collector);
    this.#metrics = new Metrics(options.metricsStatements);
    this.#readiness = new Readiness(options.upstreams);
    this.#routes = new Map<string, Handler>([
      ['/metrics', (request, response) => this.#scrape(request, response)],
      ['/healthz', (_, response) => answer(response, 200, 'text/plain; charset=utf-8', 'ok\n')],
      ['/readyz', (_, response) => this.#ready(response)],
      ['/api/figures', async (_, response) => answer(response, 200, JSON_TYPE, await this.#pageFigures())],
      ['/api/events', (request, response) => this.#listen(request, response)],
    ]);
    this.#http = http.createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: REQUEST_TIMEOUT_MS,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#http.keepAliveTimeout = IDLE_TIMEOUT_MS;
    this.#front = net.createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#front.maxConnections = MAX_HTTP_CONNECTIONS;
  }

  /** @throws {Error} when the address cannot be listened on */
  static async start(options: HttpOptions): Promise<HttpServer> {
    const server = new HttpServer(options);
    const front = server.#front;
    await new Promise<void>((resolve, reject) => {
      front.once('error', (error) =>
        reject(new Error(`--http ${formatUrl(options)}: ${error.message}`, { cause: error })),
      );
      front.listen(options.port, options.host, resolve);
    });
    front.on('error', (error) => options.log.warn(`http: a connection could not be taken: ${error.message}`));
    server.#lag.start();
    return server;
  }

  /** Port 0 is resolved. */
  get url(): string {
    const address = this.#front.address();
    const port = typeof address === 'object' && address !== null ? address.port : this.#options.port;
    return formatUrl({ ...this.#options, port });
  }

  /** Pages that listen. */
  get streams(): number {
    return this.#streams.size;
  }

  /** `/readyz` says no from here on: no new clients should be sent here. */
  drain(): void {
    this.#isDraining = true;
  }

  stop(): void {
    this.#lag.stop();
    this.#streams.stop();
    this.#front.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(raw: net.Socket): void {
    this.#sockets.add(raw);
    raw.on('error', () => undefined);
    raw.on('close', () => this.#sockets.delete(raw));
    const { tls } = this.#options;
    if (tls === null) {
      this.#http.emit('connection', raw);
      return;
    }
    const secure = new TLSSocket(raw, {
      isServer: true,
      secureContext: tls.current,
      ALPNProtocols: ['http/1.1'],
    });
    const timer = setTimeout(() => raw.destroy(), REQUEST_TIMEOUT_MS);
    secure.on('error', () => raw.destroy());
    secure.on('_tlsError', () => raw.destroy());
    raw.on('close', () => clearTimeout(timer));
    secure.once('secure', () => {
      clearTimeout(timer);
      this.#http.emit('connection', secure);
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.setHeader('cache-control', 'no-store');
    response.on('error', () => undefined);
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#options.log.error({ err: error }, 'http: a request could not be answered');
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'internal error');
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#access.refusal(request.headers);
    if (refusal !== null) {
      refuse(response, refusal.status, refusal.message, refusal.headers);
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(response, 405, 'only GET and HEAD', { allow: 'GET, HEAD' });
      return;
    }
    const target = request.url ?? '';
    if (!target.startsWith('/') || !URL.canParse(target, 'http://localhost')) {
      refuse(response, 400, 'the request does not name a path');
      return;
    }
    const url = new URL(target, 'http://localhost');
    const asset = this.#assets.get(url.pathname);
    if (asset !== undefined) {
      sendAsset(request, response, asset);
      return;
    }
    const handler = this.#routes.get(url.pathname);
    if (handler === undefined)
      refuse(response, 404, `there is nothing here; there are / and ${[...this.#routes.keys()].join(', ')}`);
    else await handler(request, response);
  }

  async #scrape(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const format = formatFor(request.headers.accept ?? '');
    const report = await this.#figures.read();
    const text = this.#textOf(format, report, () =>
      exposition(this.#metrics.families(report, this.#processFigures()), format),
    );
    const type = format === 'prometheus' ? CONTENT_TYPES.prometheus : CONTENT_TYPES.openmetrics;
    answer(response, 200, type, text);
  }

  async #ready(response: ServerResponse): Promise<void> {
    const states = await this.#readiness.states();
    const isReady = !this.#isDraining && states.every(({ ready }) => ready);
    answer(response, isReady ? 200 : 503, JSON_TYPE, JSON.stringify(states));
  }

  #listen(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'HEAD') answer(response, 200, EVENTS_TYPE, '');
    else if (!this.#streams.add(response)) refuse(response, 503, 'too many pages are open');
  }

  async #pageFigures(): Promise<string> {
    const report = await this.#figures.read();
    return this.#textOf('page', report, () => JSON.stringify(pageFigures(report)));
  }

  #textOf(kind: string, of: unknown, make: () => string): string {
    const known = this.#texts.get(kind);
    if (known !== undefined && known.of === of) return known.text;
    const text = make();
    this.#texts.set(kind, { of, text });
    return text;
  }

  #processFigures(): Parameters<Metrics['families']>[1] {
    const { user, system } = process.cpuUsage();
    return {
      startedAt: Math.round(performance.timeOrigin) / 1000,
      cpuSeconds: (user + system) / 1_000_000,
      residentBytes: process.memoryUsage.rss(),
      lag: this.#lag.sample(),
    };
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';

const EVENTS_TYPE = 'text/event-stream; charset=utf-8';

/** OpenMetrics unless only plain text is asked for, as a browser and old scrapers do. */
function formatFor(accept: string): Format {
  if (accept.includes('application/openmetrics-text')) return 'openmetrics';
  return /text\/(plain|html)/.test(accept) ? 'prometheus' : 'openmetrics';
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}

function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  answer(response, status, 'text/plain; charset=utf-8', `${message}\n`);
}

function sendAsset(request: IncomingMessage, response: ServerResponse, { type, body, tag }: Asset): void {
  response.setHeader('cache-control', 'no-cache');
  response.setHeader('etag', tag);
  if (request.headers['if-none-match'] === tag) response.writeHead(304).end();
  else answer(response, 200, type, body);
}

function formatUrl({ host, port, tls }: Pick<HttpOptions, 'host' | 'port' | 'tls'>): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${tls === null ? 'http' : 'https'}://${name}:${port}/`;
}
