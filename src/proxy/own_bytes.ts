import type { Leg } from '../relay/leg.ts';
import type { Session } from '../session/session.ts';

/** Tells the client something that does not come from the server. */
export function answer(session: Session, leg: Leg, bytes: Buffer): void {
  const taken = (): void => {
    session.wire.client.ownOut += bytes.length;
  };
  if (leg.write(bytes, taken)) taken();
}

/** What was read from the client and is not for the server is for pgnetflow. */
export function bookOwn(session: Session): void {
  const { client } = session.wire;
  client.ownIn = client.in - session.protocolBytes.R;
}
