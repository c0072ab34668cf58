// The plain relay: `node pipe_process.js LISTEN UPSTREAM`.
import net from 'node:net';
import { parseEndpoint } from './endpoint.ts';

const [listen, upstream] = process.argv.slice(2).map(parseEndpoint);
if (listen === undefined || upstream === undefined) throw new Error('usage: pipe_process.js LISTEN UPSTREAM');

const server = net.createServer({ noDelay: true }, (client) => {
  const toServer = net.connect({ ...upstream, noDelay: true });
  client.on('error', () => toServer.destroy());
  toServer.on('error', () => client.destroy());
  client.pipe(toServer);
  toServer.pipe(client);
});
server.listen(listen);
