/**
 * What arrived isn't the peer protocol, is damaged, or is past a limit; or what should be sent can't be expressed in it. The
 * connection that it came over is closed: nothing behind it can be trusted to begin where a frame begins.
 */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}
