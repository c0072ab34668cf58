import type { ReportRecord } from '../../src/report/model.ts';
import { differences, readRecording } from '../support/probe_recording.ts';

/**
 * What is wrong with a run of experiment.sh, a sentence each: records that contradict each other, figures of the kernel
 * that are not the report's, and an experiment that was not what it should have been.
 */
export function judge(report: ReportRecord, probe: string): string[] {
  const recording = readRecording(probe);
  const faults = [...recording.faults];
  for (const type of ['lost', 'flushed', 'detach']) {
    const [found, expected] = [recording.counts.get(type) ?? 0, type === 'lost' ? 0 : 1];
    if (found !== expected) faults.push(`${found} records "${type}" instead of ${expected}`);
  }
  for (const session of report.sessions) {
    if (!session.balanced) faults.push(`session ${session.id}: its own books do not balance`);
    faults.push(...differences(session, recording));
  }
  const late = recording.sockets.filter(({ send, recv }) => send.from > 0 || recv.from > 0);
  // The three sockets of the session that began before the probe.
  if (late.length !== 3) faults.push(`${late.length} sockets were seen late instead of 3`);
  return faults;
}
