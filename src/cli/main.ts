#!/usr/bin/env node
import { takeDumpSignal } from '../run/dump_signal.ts';

// Before all else is loaded, which takes a while.
takeDumpSignal();
const { runProgram } = await import('./program.ts');

const status = await runProgram(process.argv.slice(2));
// What is still on its way to a pipe is written first; the callback comes even when nobody reads.
process.stdout.write('', () => process.exit(status));
