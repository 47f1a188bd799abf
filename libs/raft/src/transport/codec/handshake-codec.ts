import type { Hello, KnownLife, Life } from '../contract';
import type { ByteReader } from './byte-reader';
import { textBound, type ByteWriter } from './byte-writer';
import type { HandshakeFrame } from './handshake-frames';
import { keepBytes, type FrameSource } from './payload';
import { ProtocolError } from './protocol-error';

/** Challenges and proofs are 32 bytes. */
const MAX_TOKEN_BYTES = 64;

/** Behind the challenge of a client's hello. A node's ends with the challenge. */
const CLIENT_ROLE = 1;

export function handshakeBound(frame: HandshakeFrame): number {
  switch (frame.kind) {
    case 'hello':
      return helloBound(frame.hello) + 1 + frame.challenge.length + 1;
    case 'proof':
      return 1 + frame.proof.length;
    case 'refuse':
      return textBound(frame.sentence);
    case 'admitted':
    case 'ping':
    case 'pong':
      return 0;
  }
}

export function writeHandshake(writer: ByteWriter, frame: HandshakeFrame): void {
  switch (frame.kind) {
    case 'hello':
      writeHello(writer, frame.hello);
      writeToken(writer, frame.challenge);
      if (frame.hello.role === 'client') writer.u8(CLIENT_ROLE);
      return;
    case 'proof':
      writeToken(writer, frame.proof);
      return;
    case 'refuse':
      writer.text(frame.sentence);
      return;
    case 'admitted':
    case 'ping':
    case 'pong':
      return;
  }
}

export function readHandshake(reader: ByteReader, kind: HandshakeFrame['kind'], source: FrameSource): HandshakeFrame {
  switch (kind) {
    case 'hello': {
      const hello = readHello(reader);
      const challenge = readToken(reader, source);
      const isClient = reader.remaining > 0 && reader.u8() === CLIENT_ROLE;
      return { kind, hello: isClient ? { ...hello, role: 'client' } : hello, challenge };
    }
    case 'proof':
      return { kind, proof: readToken(reader, source) };
    case 'refuse':
      return { kind, sentence: reader.text() };
    case 'admitted':
    case 'ping':
    case 'pong':
      return { kind };
  }
}

export function helloBound(hello: Hello): number {
  return (
    4 +
    textBound(hello.clusterName) +
    textBound(hello.clusterId) +
    textBound(hello.nodeName) +
    8 +
    textBound(hello.incarnation) +
    textBound(hello.bootNonce) +
    10 +
    livesBound(hello.earlierLives) +
    2 +
    livesBound(hello.knownLives) +
    8 * hello.knownLives.length +
    textBound(hello.advertise)
  );
}

export function writeHello(writer: ByteWriter, hello: Hello): void {
  writer.u16(hello.protocol.min);
  writer.u16(hello.protocol.max);
  writer.text(hello.clusterName);
  writer.text(hello.clusterId);
  writer.text(hello.nodeName);
  writer.safeInteger(hello.replicaId);
  writer.text(hello.incarnation);
  writer.text(hello.bootNonce);
  writer.safeInteger(hello.life);
  writer.u16(hello.earlierLives.length);
  for (const life of hello.earlierLives) writeLife(writer, life);
  writer.u16(hello.knownLives.length);
  for (const life of hello.knownLives) {
    writer.safeInteger(life.replicaId);
    writeLife(writer, life);
  }
  writer.text(hello.advertise);
}

function readHello(reader: ByteReader): Hello {
  const min = reader.u16();
  const max = reader.u16();
  const clusterName = reader.text();
  const clusterId = reader.text();
  const nodeName = reader.text();
  const replicaId = reader.safeInteger();
  const incarnation = reader.text();
  const bootNonce = reader.text();
  const life = reader.safeInteger();
  const earlierLives: Life[] = [];
  for (let left = reader.u16(); left > 0; left--) earlierLives.push(readLife(reader));
  const knownLives: KnownLife[] = [];
  for (let left = reader.u16(); left > 0; left--)
    knownLives.push({ replicaId: reader.safeInteger(), ...readLife(reader) });
  const advertise = reader.text();
  return {
    protocol: { min, max },
    clusterName,
    clusterId,
    nodeName,
    replicaId,
    incarnation,
    bootNonce,
    life,
    earlierLives,
    knownLives,
    advertise,
  };
}

function livesBound(lives: readonly Life[]): number {
  return lives.reduce((bytes, { nonce }) => bytes + 8 + textBound(nonce), 0);
}

function writeLife(writer: ByteWriter, { number, nonce }: Life): void {
  writer.safeInteger(number);
  writer.text(nonce);
}

function readLife(reader: ByteReader): Life {
  return { number: reader.safeInteger(), nonce: reader.text() };
}

function writeToken(writer: ByteWriter, token: Uint8Array): void {
  if (token.length > MAX_TOKEN_BYTES) throw new ProtocolError(`a token has ${token.length} bytes`);
  writer.u8(token.length);
  writer.bytes(token);
}

function readToken(reader: ByteReader, source: FrameSource): Uint8Array {
  const bytes = reader.u8();
  if (bytes > MAX_TOKEN_BYTES) throw new ProtocolError(`a token has ${bytes} bytes`);
  const from = reader.take(bytes);
  return keepBytes(source, from, from + bytes);
}
