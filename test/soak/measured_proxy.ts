import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { ReportRecord, SessionRecord } from '../../src/report/model.ts';
import type { Answer, Question } from './proxy.ts';

/** A proxy in a process of its own, whose memory can be asked for. */
export class MeasuredProxy {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(upstream: { readonly host: string; readonly port: number }): Promise<MeasuredProxy> {
    const file = path.join(import.meta.dirname, 'proxy.js');
    const child = fork(file, [upstream.host, String(upstream.port)], { execArgv: ['--expose-gc'] });
    return new MeasuredProxy(child, (await answerOf(child, 'port')).port);
  }

  /** Resident memory in bytes, after a collection of garbage, and the most that it ever was. */
  async memory(): Promise<{ readonly rss: number; readonly peakRss: number }> {
    return this.#ask('memory');
  }

  async report(): Promise<ReportRecord> {
    return (await this.#ask('report')).report;
  }

  /** The only session. */
  async session(): Promise<SessionRecord> {
    const { sessions } = await this.report();
    const [session] = sessions;
    if (session === undefined || sessions.length > 1) throw new Error(`${sessions.length} sessions, not one`);
    return session;
  }

  stop(): void {
    this.#child.disconnect();
  }

  #ask<Kind extends Question>(question: Kind): Promise<Extract<Answer, { kind: Kind }>> {
    const answer = answerOf(this.#child, question);
    this.#child.send(question);
    return answer;
  }
}

function answerOf<Kind extends Answer['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<Answer, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the proxy has ended'));
    const hear = (message: Answer): void => {
      if (!isOf(kind, message)) return;
      child.off('message', hear).off('exit', ended);
      resolve(message);
    };
    child.on('message', hear).on('exit', ended);
  });
}

function isOf<Kind extends Answer['kind']>(
  kind: Kind,
  answer: Answer,
): answer is Extract<Answer, { kind: Kind }> {
  return answer.kind === kind;
}
