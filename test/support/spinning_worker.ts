// A relay thread that can be told to loop for ever.
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadStart, ToThread } from '../../src/proxy/threads/mail.ts';
import { RelayThread } from '../../src/proxy/threads/relay_thread.ts';

const port = parentPort!;
const start: ThreadStart = workerData;
const thread = new RelayThread(start, (mail) => port.postMessage(mail));
port.on('message', (mail: ToThread) => {
  // No other mail of the tests has a request of that number.
  if (mail.kind === 'delivered' && mail.request === -1) for (;;);
  thread.receive(mail);
});
await thread.listen();
