/** Which of the two legs have TLS. */
export const LEGS = [
  { client: false, server: false },
  { client: true, server: false },
  { client: false, server: true },
  { client: true, server: true },
] as const;
