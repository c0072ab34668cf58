#!/usr/bin/env node
import { runProgram } from './program.ts';

const status = await runProgram(process.argv.slice(2));
// What is still on its way to a pipe is written first; the callback comes even when nobody reads.
process.stdout.write('', () => process.exit(status));
