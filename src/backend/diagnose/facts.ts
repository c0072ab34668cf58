import type { Activity } from './activity_rows.ts';
import type { ClientSocket } from './client_socket.ts';
import type { Descriptor } from './descriptors.ts';
import type { Fact } from './fact.ts';
import type { ProcessTitle } from './process_title.ts';
import type { Signals } from './signals.ts';
import type { SystemCall } from './system_calls.ts';
import type { TcpInfo } from './tcp_info.ts';

/** What a process was doing at one moment. */
export interface Sample {
  /** Since the first one. */
  readonly atMs: number;
  /** Letter of `/proc/PID/stat`. */
  readonly state: string;
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  readonly signals: Signals;
  /** 0 when nobody traces it. */
  readonly tracerPid: number;
  readonly call: Fact<SystemCall>;
  /** The kernel function in which it sleeps. */
  readonly wchan: Fact<string>;
  readonly kernelStack: Fact<readonly string[]>;
}

/** All that was found out about a process. */
export interface BackendFacts {
  readonly kind: 'backend';
  readonly pid: number;
  readonly title: ProcessTitle | null;
  readonly startedAtMs: number;
  /** At least one. */
  readonly samples: readonly Sample[];
  /** Before the first sample, and after the last unless the first could not be had: two tell whether it moves. */
  readonly stacks: readonly Fact<readonly string[]>[];
  readonly descriptors: Fact<readonly Descriptor[]>;
  /** Its connection to its client: null over a Unix-domain socket, and for a process without a client. */
  readonly client: Fact<ClientSocket | null>;
  /** Before the first sample and after the last. */
  readonly tcp: Fact<readonly [TcpInfo, TcpInfo]>;
  readonly activity: Fact<Activity>;
}

/** There is nothing to find out. */
export interface NoBackend {
  readonly kind: 'gone' | 'hidden' | 'postmaster' | 'not_a_backend' | 'another';
  readonly pid: number;
  /** Of the program, where there is one. */
  readonly name: string | null;
}

export type Facts = BackendFacts | NoBackend;
