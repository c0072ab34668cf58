import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { ReportRecord } from '../report/model.ts';
import { BenchError } from './bench_error.ts';
import type { Answers, Question, Setup } from './proxy_process.ts';

/** A proxy in a process of its own, so that its CPU time is its own. Ends with this process at the latest. */
export class ProxyChild {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** @throws {BenchError} when it cannot be started */
  static async start(setup: Setup): Promise<ProxyChild> {
    const file = path.join(import.meta.dirname, `proxy_process${path.extname(import.meta.filename)}`);
    const child = fork(file, [], { execArgv: [] });
    try {
      const { port } = await ask<'port'>(child, setup);
      return new ProxyChild(child, port);
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  async cpuSeconds(): Promise<number> {
    return (await this.#ask('cpu')).cpu;
  }

  async report(): Promise<ReportRecord> {
    return (await this.#ask('report')).report;
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask<const Name extends Question>(question: Name): Promise<Pick<Answers, Name>> {
    return ask<Name>(this.#child, question);
  }
}

function ask<const Name extends Exclude<keyof Answers, 'error'>>(
  child: ChildProcess,
  message: Question | Setup,
): Promise<Pick<Answers, Name>> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new BenchError('the proxy of this measurement has ended'));
    if (!child.connected) {
      ended();
      return;
    }
    child.once('exit', ended);
    child.once('message', (answer: Pick<Answers, Name> | Pick<Answers, 'error'>) => {
      child.off('exit', ended);
      if ('error' in answer) reject(new BenchError(`the proxy of this measurement: ${answer.error}`));
      else resolve(answer);
    });
    child.send(message);
  });
}
