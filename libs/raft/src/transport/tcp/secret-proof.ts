import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Hello } from '../contract';
import { helloBound, writeHello } from '../codec/handshake-codec';
import { ByteWriter } from '../codec/byte-writer';

/** Which end of a connection proves something. It is part of the proof, so that a proof can't be played back to its maker. */
export type ConnectionEndRole = 'dialled' | 'accepted';

export interface ProofSubject {
  readonly prover: ConnectionEndRole;
  /** Whether the connection is a client's: no proof for the one kind of connection holds on the other. */
  readonly isClients: boolean;
  /** The verifier's random bytes. */
  readonly challenge: Uint8Array;
  /** The prover's own random bytes. */
  readonly ownChallenge: Uint8Array;
  /** What the prover says of itself. */
  readonly hello: Hello;
  /** Bytes that only the two ends of this very TLS session know; empty without TLS. */
  readonly session: Uint8Array;
}

export const CHALLENGE_BYTES = 32;

export function makeChallenge(): Uint8Array {
  return randomBytes(CHALLENGE_BYTES);
}

/** HMAC-SHA-256 over everything that the proof is about; each part has a fixed length or is the last. */
export function makeProof(secret: string, subject: ProofSubject): Uint8Array {
  const hello = new ByteWriter(helloBound(subject.hello));
  writeHello(hello, subject.hello);
  return createHmac('sha256', secret)
    .update(`nestjs-raft ${subject.isClients ? 'client' : 'peer'} ${subject.prover === 'dialled' ? 'd' : 'a'}`)
    .update(subject.challenge)
    .update(subject.ownChallenge)
    .update(Uint8Array.of(subject.session.length))
    .update(subject.session)
    .update(hello.written())
    .digest();
}

export function isProof(proof: Uint8Array, secret: string, subject: ProofSubject): boolean {
  const expected = makeProof(secret, subject);
  return proof.length === expected.length && timingSafeEqual(proof, expected);
}

/** Ties a proof to its TLS session, so that whoever sits in between can't pass it on. */
export function sessionBytes(socket: Socket): Uint8Array {
  return socket instanceof TLSSocket
    ? socket.exportKeyingMaterial(32, 'EXPORTER-nestjs-raft-peer', Buffer.alloc(0))
    : new Uint8Array();
}
