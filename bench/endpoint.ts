import type { Endpoint } from './model.ts';

/** Reads `127.0.0.1:5432`. */
export function parseEndpoint(text: string | undefined): Endpoint {
  const [host, port] = (text ?? '').split(':');
  if (host === undefined || !(Number(port) > 0)) throw new Error(`not HOST:PORT: ${text}`);
  return { host, port: Number(port) };
}
