/**
 * The message types of protocol 3, by their first byte, with the names of the PostgreSQL manual
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 */

/** Types that a client sends. */
export const Frontend = {
  Bind: 0x42, // B
  Close: 0x43, // C
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyFail: 0x66, // f
  Describe: 0x44, // D
  Execute: 0x45, // E
  Flush: 0x48, // H
  FunctionCall: 0x46, // F
  Parse: 0x50, // P
  /** PasswordMessage, SASLInitialResponse, SASLResponse and GSSResponse share this byte. */
  PasswordMessage: 0x70, // p
  Query: 0x51, // Q
  Sync: 0x53, // S
  Terminate: 0x58, // X
} as const;

/** Types that a server sends. */
export const Backend = {
  Authentication: 0x52, // R
  BackendKeyData: 0x4b, // K
  BindComplete: 0x32, // 2
  CloseComplete: 0x33, // 3
  CommandComplete: 0x43, // C
  CopyBothResponse: 0x57, // W
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyInResponse: 0x47, // G
  CopyOutResponse: 0x48, // H
  DataRow: 0x44, // D
  EmptyQueryResponse: 0x49, // I
  ErrorResponse: 0x45, // E
  FunctionCallResponse: 0x56, // V
  NegotiateProtocolVersion: 0x76, // v
  NoData: 0x6e, // n
  NoticeResponse: 0x4e, // N
  NotificationResponse: 0x41, // A
  ParameterDescription: 0x74, // t
  ParameterStatus: 0x53, // S
  ParseComplete: 0x31, // 1
  PortalSuspended: 0x73, // s
  ReadyForQuery: 0x5a, // Z
  RowDescription: 0x54, // T
} as const;

type Names = readonly (string | undefined)[];

function byTypeByte(types: Record<string, number>): Names {
  const names: (string | undefined)[] = Array.from({ length: 256 });
  for (const [name, type] of Object.entries(types)) names[type] = name;
  return names;
}

/** Name of a frontend message by its type byte; `undefined` for a type that the manual does not know. */
export const frontendNames: Names = byTypeByte(Frontend);

/** Name of a backend message by its type byte; `undefined` for a type that the manual does not know. */
export const backendNames: Names = byTypeByte(Backend);
