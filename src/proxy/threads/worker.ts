// A relay thread: a data plane with Node's sockets, which listens where the main thread says, and has mail for the rest.
import { parentPort, workerData } from 'node:worker_threads';
import { RelayThread } from './relay_thread.ts';
import type { ThreadStart, ToThread } from './mail.ts';

if (parentPort === null) throw new Error('this is started by pgnetflow as a thread');
const port = parentPort;
const start: ThreadStart = workerData;
const thread = new RelayThread(start, (mail) => port.postMessage(mail));
port.on('message', (mail: ToThread) => thread.receive(mail));
process.on('uncaughtException', (error) => thread.fail(error));
await thread.listen();
