import { Backend, Frontend } from '../message_types.ts';
import {
  byte,
  type Field,
  type Format,
  group,
  int16,
  int32,
  listOf,
  longListOf,
  rest,
  secret,
  string,
  value,
} from './fields.ts';

/** Code and text of each field of an error or notice; the NUL behind the last one is printed too, as in libpq. */
const errorFields: Field = (body) => {
  while (body.byte() !== 0) body.string();
};

const copyFormats = [byte, listOf(int16)];

/** Name, table, column number, type, its size and modifier, format. */
const column = group(string, int32, int16, int32, int16, int32, int16);

const frontendFields: Readonly<Record<keyof typeof Frontend, readonly Field[]>> = {
  Bind: [string, string, listOf(int16), listOf(value), listOf(int16)],
  Close: [byte, string],
  CopyData: [rest],
  CopyDone: [],
  CopyFail: [string],
  Describe: [byte, string],
  Execute: [string, int32],
  Flush: [],
  FunctionCall: [int32, listOf(int16), listOf(value), int16],
  Parse: [string, string, listOf(int32)],
  PasswordMessage: [secret],
  Query: [string],
  Sync: [],
  Terminate: [],
};

const backendFields: Readonly<Record<keyof typeof Backend, readonly Field[]>> = {
  Authentication: [int32, secret],
  BackendKeyData: [int32, secret],
  BindComplete: [],
  CloseComplete: [],
  CommandComplete: [string],
  CopyBothResponse: copyFormats,
  CopyData: [rest],
  CopyDone: [],
  CopyInResponse: copyFormats,
  CopyOutResponse: copyFormats,
  DataRow: [listOf(value)],
  EmptyQueryResponse: [],
  ErrorResponse: [errorFields],
  FunctionCallResponse: [value],
  NegotiateProtocolVersion: [int32, longListOf(string)],
  NoData: [],
  NoticeResponse: [errorFields],
  NotificationResponse: [int32, string, string],
  ParameterDescription: [listOf(int32)],
  ParameterStatus: [string, string],
  ParseComplete: [],
  PortalSuspended: [],
  ReadyForQuery: [byte],
  RowDescription: [listOf(column)],
};

/** Formats by type byte. A message that the manual does not know may hold anything: its length is shown. */
function byTypeByte<Name extends string>(
  types: Readonly<Record<Name, number>>,
  fields: Readonly<Record<Name, readonly Field[]>>,
): readonly Format[] {
  const formats = Array.from({ length: 256 }, (_, type): Format => ({
    name: `Unknown message: ${type.toString(16).padStart(2, '0')}`,
    fields: [secret],
  }));
  for (const name in types) formats[types[name]] = { name, fields: fields[name] };
  return formats;
}

/** How to print a frontend message, by type byte. */
export const frontendFormats: readonly Format[] = byTypeByte(Frontend, frontendFields);

/** How to print a backend message, by type byte. */
export const backendFormats: readonly Format[] = byTypeByte(Backend, backendFields);
