import { createHmac, type Hmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { GreetingFrame } from '../../codec';
import { ByteWriter } from '../../codec/byte-writer';
import { helloBound, writeHello } from '../../codec/handshake-codec';
import type { Hello } from '../../contract';

/** Which end of a connection proves something. It is part of the proof, so that a proof can't be played back to its maker. */
export type ConnectionEndRole = 'dialled' | 'accepted';

/** What both ends of one connection know when they prove something, and no other connection has. */
export interface HandshakeTranscript {
  readonly dialler: GreetingFrame;
  readonly acceptor: GreetingFrame;
  /** Bytes that only the two ends of this very TLS session know; empty without TLS. */
  readonly session: Uint8Array;
}

export const CHALLENGE_BYTES = 32;

export function makeChallenge(): Uint8Array {
  return randomBytes(CHALLENGE_BYTES);
}

/** HMAC-SHA-256 over everything that the two ends have said so far: each part has a fixed length, or stands after its length. */
export function makeProof(secret: string, prover: ConnectionEndRole, transcript: HandshakeTranscript): Uint8Array {
  return hmacOf(secret, 'proof', prover, transcript).digest();
}

/** Ties what the sender says of itself to the connection on which it proved the secret. */
export function sealOf(
  secret: string,
  sender: ConnectionEndRole,
  transcript: HandshakeTranscript,
  hello: Hello,
): Uint8Array {
  const body = new ByteWriter(helloBound(hello));
  writeHello(body, hello);
  return hmacOf(secret, 'hello', sender, transcript)
    .update(Uint8Array.of(hello.role === 'client' ? 1 : 0))
    .update(body.written())
    .digest();
}

/** In a time that doesn't depend on where they differ. */
export function isSameToken(token: Uint8Array, expected: Uint8Array): boolean {
  return token.length === expected.length && timingSafeEqual(token, expected);
}

/** Ties a proof to its TLS session, so that a machine in between can't pass it on. */
export function sessionBytes(socket: Socket): Uint8Array {
  return socket instanceof TLSSocket
    ? socket.exportKeyingMaterial(32, 'EXPORTER-nestjs-raft-peer', Buffer.alloc(0))
    : new Uint8Array();
}

function hmacOf(
  secret: string,
  what: 'proof' | 'hello',
  end: ConnectionEndRole,
  transcript: HandshakeTranscript,
): Hmac {
  const { dialler, acceptor, session } = transcript;
  return createHmac('sha256', secret)
    .update(`nestjs-raft 3 ${what} ${dialler.role} ${end === 'dialled' ? 'd' : 'a'}`)
    .update(greetingBytes(dialler))
    .update(greetingBytes(acceptor))
    .update(Uint8Array.of(session.length))
    .update(session);
}

function greetingBytes({ protocol, role, challenge, asksForProof }: GreetingFrame): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt16BE(protocol.min, 0);
  head.writeUInt16BE(protocol.max, 2);
  head[4] = role === 'client' ? 1 : 0;
  head[5] = asksForProof ? 1 : 0;
  head[6] = challenge.length;
  return Buffer.concat([head, challenge]);
}
