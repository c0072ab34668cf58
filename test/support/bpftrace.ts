import { requireBpftrace } from '../../src/backend/trace/bpftrace.ts';

/** The reason to skip a test that traces for real (root, tracefs, bpftrace), or false. */
export const bpftraceMissing: string | false = reason();

function reason(): string | false {
  try {
    requireBpftrace();
    return false;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
