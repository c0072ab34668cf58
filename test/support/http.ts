// The HTTP server of a proxy, and requests as anybody might send them.
import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { after } from 'node:test';
import { pino } from 'pino';
import type { Collector } from '../../src/collector/collector.ts';
import { type HttpOptions, HttpServer } from '../../src/http/server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Stopped when the test ends. */
export async function httpBefore(
  collector: Collector,
  options: Partial<HttpOptions> = {},
): Promise<HttpServer> {
  const server = await HttpServer.start({
    host: '127.0.0.1',
    port: 0,
    token: null,
    tls: null,
    upstreams: [],
    metricsStatements: 50,
    collector,
    log: pino({ level: 'silent' }),
    ...options,
  });
  after(() => server.stop());
  return server;
}

/** A request with these headers and no others, `host` included; resolves with the whole answer. */
export async function ask(
  url: string,
  { method = 'GET', ca, ...headers }: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const send = url.startsWith('https') ? https.request : http.request;
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      { method, headers, agent: false, ...(ca !== undefined && { ca }) },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      },
    );
    request.on('error', reject);
    request.end();
  });
}
