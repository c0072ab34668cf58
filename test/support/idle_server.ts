// A server in a process of its own: greets every session with the bytes given, and answers whatever follows with
// ReadyForQuery, but Terminate, which ends the session. Tells its parent its port.
import net from 'node:net';
import { server } from './messages.ts';

const TERMINATE = 0x58;
const greeting = Buffer.from(process.argv[2]!, 'base64');
const listener = net.createServer((socket) => {
  socket.on('error', () => undefined);
  socket.once('data', () => {
    socket.write(greeting);
    socket.on('data', (chunk: Buffer) => {
      if (chunk[0] === TERMINATE) socket.end();
      else socket.write(server.ready());
    });
  });
});
listener.listen({ host: '127.0.0.1', port: 0, backlog: 1000 }, () => {
  const bound = listener.address();
  if (bound !== null && typeof bound !== 'string') process.send?.(bound.port);
});
process.on('disconnect', () => process.exit());
