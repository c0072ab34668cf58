import fc from 'fast-check';
import { client as c, message, server as s } from './messages.ts';
import { anyAct, Author } from './random_acts.ts';
import { C, type Line, S, type Story } from './story.ts';

/** What a server may say between any two replies, and unknown messages of either side, which are nobody's. */
const aside = fc.constantFrom('notice', 'notification', 'parameter', 'unknown', 'unknown to the server');

/** Which reply has something said before it, counted modulo the number of lines. */
const asides = fc.array(fc.tuple(fc.nat(1000), aside), { maxLength: 4 });

function withAsides(lines: readonly Line[], said: readonly (readonly [number, string])[]): Line[] {
  const result: Line[] = [];
  for (const [index, line] of lines.entries()) {
    for (const [at, what] of said) {
      if (at % lines.length !== index) continue;
      if (what === 'unknown to the server') result.push(C('opaque', message('!', 'eh')));
      else if (what === 'unknown') result.push(S('opaque', message('?', 'what')));
      // Whose reply comes next is whose statement is under way.
      else if (line.from === 'server') result.push(S(line.owner, asideOf(what)));
    }
    result.push(line);
  }
  return result;
}

function asideOf(what: string): Buffer {
  if (what === 'notice') return s.notice();
  return what === 'notification' ? s.notification('x') : s.parameterStatus('TimeZone', 'UTC');
}

/** Valid conversations of any length, each message with its owner; replies may lag behind in all of them. */
export const randomStory: fc.Arbitrary<Story> = fc
  .tuple(fc.array(anyAct, { minLength: 1, maxLength: 12 }), asides, fc.boolean())
  .map(([acts, said, terminates]) => {
    const author = new Author();
    for (const act of acts) act(author);
    const lines = withAsides(author.lines, said);
    // Terminate may come right behind the last request: the replies are owed all the same.
    if (terminates) {
      const last = lines.findLastIndex(({ from }) => from === 'client');
      lines.splice(last + 1, 0, C('control', c.terminate()));
    }
    return { name: 'a random story', lines, statements: author.statements, repliesMayLag: true };
  });

const key = fc.uint8Array({ minLength: 4, maxLength: 256 });

/** How a conversation begins: authentication in any number of rounds, protocol 3.0 and 3.2, keys of any length or none. */
export const randomOpening: fc.Arbitrary<Line[]> = fc
  .record({
    minor: fc.constantFrom(0, 2),
    negotiates: fc.boolean(),
    rounds: fc.nat(3),
    key: fc.option(key),
    parameters: fc.array(fc.string({ maxLength: 20 }), { maxLength: 5 }),
    notice: fc.boolean(),
  })
  .map((opening) => {
    const startup = c.startup();
    startup.writeUInt16BE(opening.minor, 6);
    const lines = [C('startup', startup)];
    if (opening.negotiates) {
      lines.push(S('startup', message('v', [0, 3, 0, 0], [0, 0, 0, 1], '_pq_.unheard\0')));
    }
    for (let round = 0; round < opening.rounds; round += 1) {
      lines.push(S('startup', message('R', [0, 0, 0, 11], 'challenge')), C('startup', message('p', 'proof')));
    }
    lines.push(S('startup', s.authenticationOk()));
    for (const value of opening.parameters) {
      lines.push(S('startup', s.parameterStatus('application_name', value.replaceAll('\0', ''))));
    }
    if (opening.notice) lines.push(S('startup', s.notice()));
    if (opening.key !== null) lines.push(S('startup', s.backendKeyData(4711, Buffer.from(opening.key))));
    lines.push(S('startup', s.ready()));
    return lines;
  });
