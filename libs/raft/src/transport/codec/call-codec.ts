import type { RequestMessage, ResponseMessage } from '../contract';
import type { ByteReader } from './byte-reader';
import { textBound, type ByteWriter } from './byte-writer';
import { keepBytes, type FrameSource } from './payload';

export function requestBound(message: RequestMessage): number {
  return textBound(message.groupId) + textBound(message.method) + 16 + message.body.length;
}

export function writeRequest(writer: ByteWriter, message: RequestMessage): void {
  writer.text(message.groupId);
  writer.safeInteger(message.id);
  writer.text(message.method);
  writer.f64(message.timeoutMs);
  writer.bytes(message.body);
}

export function readRequest(reader: ByteReader, source: FrameSource): RequestMessage {
  const groupId = reader.text();
  const id = reader.safeInteger();
  const method = reader.text();
  const timeoutMs = reader.f64();
  const body = readRest(reader, source);
  return { kind: 'request', groupId, id, method, timeoutMs, body };
}

export function responseBound(message: ResponseMessage): number {
  return textBound(message.groupId) + 9 + message.body.length;
}

export function writeResponse(writer: ByteWriter, message: ResponseMessage): void {
  writer.text(message.groupId);
  writer.safeInteger(message.id);
  writer.flag(message.ok);
  writer.bytes(message.body);
}

export function readResponse(reader: ByteReader, source: FrameSource): ResponseMessage {
  const groupId = reader.text();
  const id = reader.safeInteger();
  const ok = reader.flag();
  const body = readRest(reader, source);
  return { kind: 'response', groupId, id, ok, body };
}

function readRest(reader: ByteReader, source: FrameSource): Uint8Array {
  const bytes = reader.remaining;
  const from = reader.take(bytes);
  return keepBytes(source, from, from + bytes);
}
