import type { Hello, KnownBoot, Boot } from '../contract';
import type { ByteReader } from './byte-reader';
import { textBound, type ByteWriter } from './byte-writer';
import type { GreetingFrame, HandshakeFrame } from './handshake-frames';
import { keepBytes, type FrameSource } from './payload';
import { ProtocolError } from './protocol-error';

/** Challenges, proofs and seals are 32 bytes. */
const MAX_TOKEN_BYTES = 64;

/** The role of a client, after the challenge of a greeting. */
const CLIENT_ROLE = 1;

/** Bit 0 of a greeting's last byte. */
const ASKS_FOR_PROOF = 1;

/** The fields of a version 1 hello, all empty, which stand in a greeting between the versions and the challenge. */
const NO_IDENTITY = new Uint8Array(6 * 2 + 2 * 8 + 2 * 2);

export function handshakeBound(frame: HandshakeFrame): number {
  switch (frame.kind) {
    case 'greeting':
      return 4 + NO_IDENTITY.length + 1 + frame.challenge.length + 2;
    case 'hello':
      return helloBound(frame.hello) + 1 + frame.seal.length + 1;
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
    case 'greeting':
      writeGreeting(writer, frame);
      return;
    case 'hello':
      writeHello(writer, frame.hello);
      writer.u8(frame.hello.role === 'client' ? CLIENT_ROLE : 0);
      writeToken(writer, frame.seal);
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
    case 'greeting':
      return readGreeting(reader, source);
    case 'hello': {
      const hello = readHello(reader);
      const isClient = reader.flag();
      return { kind, hello: isClient ? { ...hello, role: 'client' } : hello, seal: readToken(reader, source) };
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

/**
 * A greeting has the layout of a version 1 hello with nothing in it: a node of that version reads the versions, finds none that
 * it speaks, and refuses with a sentence. Its own hello is read here as a greeting of that version, and refused likewise.
 */
function writeGreeting(writer: ByteWriter, { protocol, role, challenge, asksForProof }: GreetingFrame): void {
  writer.u16(protocol.min);
  writer.u16(protocol.max);
  writer.bytes(NO_IDENTITY);
  writeToken(writer, challenge);
  writer.u8(role === 'client' ? CLIENT_ROLE : 0);
  writer.u8(asksForProof ? ASKS_FOR_PROOF : 0);
}

function readGreeting(reader: ByteReader, source: FrameSource): GreetingFrame {
  const { protocol } = readHello(reader);
  const challenge = readToken(reader, source);
  const role = reader.remaining > 0 && reader.u8() === CLIENT_ROLE ? 'client' : 'peer';
  const asksForProof = reader.remaining > 0 && (reader.u8() & ASKS_FOR_PROOF) !== 0;
  return { kind: 'greeting', protocol, role, challenge, asksForProof };
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
    bootsBound(hello.earlierBoots) +
    2 +
    bootsBound(hello.knownBoots) +
    8 * hello.knownBoots.length +
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
  writer.safeInteger(hello.epoch);
  writer.u16(hello.earlierBoots.length);
  for (const epoch of hello.earlierBoots) writeBoot(writer, epoch);
  writer.u16(hello.knownBoots.length);
  for (const epoch of hello.knownBoots) {
    writer.safeInteger(epoch.replicaId);
    writeBoot(writer, epoch);
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
  const epoch = reader.safeInteger();
  const earlierBoots: Boot[] = [];
  for (let left = reader.u16(); left > 0; left--) earlierBoots.push(readBoot(reader));
  const knownBoots: KnownBoot[] = [];
  for (let left = reader.u16(); left > 0; left--)
    knownBoots.push({ replicaId: reader.safeInteger(), ...readBoot(reader) });
  const advertise = reader.text();
  return {
    protocol: { min, max },
    clusterName,
    clusterId,
    nodeName,
    replicaId,
    incarnation,
    bootNonce,
    epoch,
    earlierBoots,
    knownBoots,
    advertise,
  };
}

function bootsBound(boots: readonly Boot[]): number {
  return boots.reduce((bytes, { nonce }) => bytes + 8 + textBound(nonce), 0);
}

function writeBoot(writer: ByteWriter, { number, nonce }: Boot): void {
  writer.safeInteger(number);
  writer.text(nonce);
}

function readBoot(reader: ByteReader): Boot {
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
