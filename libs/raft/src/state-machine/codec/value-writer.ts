import { type ByteWriter, writeUint32 } from './byte-writer';
import { UnsupportedValueError } from './codec-errors';
import { describeUnsupported, shapeOf } from './plain-data';
import { isText } from './text';
import { EXTENSION, MAX_VALUE_DEPTH } from './value-format';

/** Strings up to this length are written by a loop, which beats the call into native code. */
const LOOPED_STRING_LENGTH = 32;

/** From this length on, a string's bytes are counted before they are written. */
const COUNTED_STRING_LENGTH = 16 * 1024;

const MAX_STRING_HEADER_BYTES = 5;

/** A step of a path: a key or an index, or where in a Map or Set one is. */
type Step = string | number | { readonly of: 'key' | 'element'; readonly position: number };

/**
 * Writes one value in the format of {@link EXTENSION}'s table. It checks and writes in one walk, and knows at each moment the
 * objects that it is in, so that what is refused is named with its path, and a cycle ends.
 */
export class ValueWriter {
  private readonly within: object[] = [];
  private readonly steps: Step[] = [];
  private depth = 0;
  private elements = 0;

  /**
   * @param root how errors call the value: `args`, `result`
   * @param mostElements in all arrays, objects, Maps and Sets together
   */
  constructor(
    private readonly out: ByteWriter,
    private readonly root: string,
    private readonly mostElements = Number.POSITIVE_INFINITY,
  ) {}

  write(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.writeString(value);
      case 'number':
        return this.writeNumber(value);
      case 'boolean':
        return this.out.uint8(value ? 0xc3 : 0xc2);
      case 'undefined':
        this.out.uint8(0xd4);
        return this.out.uint16(EXTENSION.undefined << 8);
      case 'object':
        return value === null ? this.out.uint8(0xc0) : this.writeObject(value);
      case 'bigint':
        return this.writeBigint(value);
      default:
        throw this.refusal(describeUnsupported(value));
    }
  }

  private writeObject(value: object): void {
    const shape = shapeOf(value);
    if (shape === 'bytes') return this.writeBytes(value as Uint8Array);
    if (shape === 'date') return this.writeDate(value as Date);
    if (shape === 'unsupported') throw this.refusal(describeUnsupported(value));
    this.enter(value);
    if (shape === 'array') this.writeArray(value as readonly unknown[]);
    else if (shape === 'object') this.writePlainObject(value);
    else if (shape === 'map') this.writeMap(value as ReadonlyMap<unknown, unknown>);
    else this.writeSet(value as ReadonlySet<unknown>);
    this.leave();
  }

  private enter(value: object): void {
    const { depth, within } = this;
    for (let above = 0; above < depth; above++)
      if (within[above] === value) throw this.refusal(`is ${this.pathTo(above)} itself: pass data without a cycle`);
    if (depth === MAX_VALUE_DEPTH) throw this.refusal(`is nested more than ${MAX_VALUE_DEPTH} deep: pass flatter data`);
    within[depth] = value;
    this.depth = depth + 1;
  }

  private leave(): void {
    this.depth--;
  }

  private writeArray(array: readonly unknown[]): void {
    const { length } = array;
    this.writeHeader(length, 0x90, 0xdc);
    const { steps, depth } = this;
    for (let index = 0; index < length; index++) {
      steps[depth - 1] = index;
      this.write(array[index]);
    }
  }

  private writePlainObject(object: object): void {
    const keys = Object.keys(object);
    const [symbol] = Object.getOwnPropertySymbols(object);
    if (symbol !== undefined) throw this.refusal(`has the symbol key ${String(symbol)}: use string keys`);
    this.writeHeader(keys.length, 0x80, 0xde);
    const { steps, depth } = this;
    for (const key of keys) {
      steps[depth - 1] = key;
      this.writeString(key);
      this.write((object as Record<string, unknown>)[key]);
    }
  }

  private writeMap(map: ReadonlyMap<unknown, unknown>): void {
    const start = this.beginExtension(EXTENSION.map);
    this.writeHeader(map.size * 2, 0x90, 0xdc);
    const { steps, depth } = this;
    let position = 0;
    for (const [key, value] of map) {
      steps[depth - 1] = { of: 'key', position };
      this.write(key);
      steps[depth - 1] = typeof key === 'string' || typeof key === 'number' ? key : { of: 'element', position };
      this.write(value);
      position++;
    }
    this.endExtension(start);
  }

  private writeSet(set: ReadonlySet<unknown>): void {
    const start = this.beginExtension(EXTENSION.set);
    this.writeHeader(set.size, 0x90, 0xdc);
    const { steps, depth } = this;
    let position = 0;
    for (const element of set) {
      steps[depth - 1] = { of: 'element', position: position++ };
      this.write(element);
    }
    this.endExtension(start);
  }

  /** `short` takes lengths below 16 in its low bits; `long` is followed by 16 bits, `long + 1` by 32. */
  private writeHeader(length: number, short: number, long: number): void {
    if ((this.elements += length) > this.mostElements)
      throw this.refusal(`brings the elements above ${this.mostElements}: pass fewer at a time, or a Uint8Array`);
    const { out } = this;
    if (length < 16) return out.uint8(short | length);
    if (length <= 0xffff) {
      out.uint8(long);
      return out.uint16(length);
    }
    out.uint8(long + 1);
    out.uint32(length);
  }

  /** @returns where the content begins; its length is written behind it, when it is known */
  private beginExtension(type: number): number {
    const { out } = this;
    out.uint8(0xc9);
    out.uint32(0);
    out.uint8(type);
    return out.at;
  }

  private endExtension(start: number): void {
    const { out } = this;
    writeUint32(out.buffer, start - 5, out.at - start);
  }

  private writeNumber(value: number): void {
    const { out } = this;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      out.uint8(0xcb);
      // A NaN's payload would be whatever the processor left in it.
      if (value !== value) {
        out.uint32(0x7ff8_0000);
        return out.uint32(0);
      }
      return out.float64(value);
    }
    if (value >= 0) return this.writePositive(value);
    if (value >= -0x20) return out.uint8(value & 0xff);
    if (value >= -0x80) {
      out.uint8(0xd0);
      return out.uint8(value & 0xff);
    }
    if (value >= -0x8000) {
      out.uint8(0xd1);
      return out.uint16(value & 0xffff);
    }
    if (value >= -0x8000_0000) {
      out.uint8(0xd2);
      return out.uint32(value);
    }
    out.uint8(0xd3);
    out.uint32(Math.floor(value / 0x1_0000_0000));
    out.uint32(value >>> 0);
  }

  private writePositive(value: number): void {
    const { out } = this;
    if (value < 0x80) return out.uint8(value);
    if (value <= 0xff) {
      out.uint8(0xcc);
      return out.uint8(value);
    }
    if (value <= 0xffff) {
      out.uint8(0xcd);
      return out.uint16(value);
    }
    if (value <= 0xffff_ffff) {
      out.uint8(0xce);
      return out.uint32(value);
    }
    out.uint8(0xcf);
    out.safeInteger(value);
  }

  private writeString(text: string): void {
    const { length } = text;
    if (length >= LOOPED_STRING_LENGTH) return this.writeLongString(text);
    const { out } = this;
    out.reserve(1 + length);
    const { buffer, at } = out;
    for (let position = 0; position < length; position++) {
      const code = text.charCodeAt(position);
      if (code >= 0x80) return this.writeLongString(text);
      buffer[at + 1 + position] = code;
    }
    buffer[at] = 0xa0 | length;
    out.at = at + 1 + length;
  }

  private writeLongString(text: string): void {
    const { out } = this;
    const { length } = text;
    // Counting first is a walk of its own, which only large texts are worth: they would reserve three times their size.
    const most = length < COUNTED_STRING_LENGTH ? length * 3 : Buffer.byteLength(text);
    out.reserve(MAX_STRING_HEADER_BYTES + most);
    const start = out.at;
    const expected = stringHeaderBytes(length);
    const bytes = out.buffer.write(text, start + expected, 'utf8');
    if (bytes !== length && !isText(text))
      throw this.refusal("has half of a surrogate pair, which isn't text: pass a Uint8Array");
    const header = stringHeaderBytes(bytes);
    if (header !== expected) out.buffer.copyWithin(start + header, start + expected, start + expected + bytes);
    this.writeStringHeader(bytes, header);
    out.at = start + header + bytes;
  }

  private writeStringHeader(bytes: number, header: number): void {
    const { out } = this;
    switch (header) {
      case 1:
        return out.uint8(0xa0 | bytes);
      case 2:
        out.uint8(0xd9);
        return out.uint8(bytes);
      case 3:
        out.uint8(0xda);
        return out.uint16(bytes);
      default:
        out.uint8(0xdb);
        return out.uint32(bytes);
    }
  }

  private writeBytes(bytes: Uint8Array): void {
    const { out } = this;
    const { length } = bytes;
    if (length <= 0xff) {
      out.uint8(0xc4);
      out.uint8(length);
    } else if (length <= 0xffff) {
      out.uint8(0xc5);
      out.uint16(length);
    } else {
      out.uint8(0xc6);
      out.uint32(length);
    }
    out.bytes(bytes);
  }

  private writeDate(date: Date): void {
    const timeMs = Date.prototype.getTime.call(date);
    if (Number.isNaN(timeMs)) throw this.refusal('is an invalid Date: pass a valid one, or null');
    const { out } = this;
    out.uint8(0xd7);
    out.uint8(EXTENSION.date);
    out.float64(timeMs);
  }

  private writeBigint(value: bigint): void {
    const { out } = this;
    const start = this.beginExtension(EXTENSION.bigint);
    out.uint8(value < 0n ? 1 : 0);
    const digits = (value < 0n ? -value : value).toString(16);
    out.bytes(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
    this.endExtension(start);
  }

  private refusal(problem: string): UnsupportedValueError {
    return new UnsupportedValueError(this.pathTo(this.depth), problem);
  }

  private pathTo(depth: number): string {
    return this.root + this.steps.slice(0, depth).map(describeStep).join('');
  }
}

function describeStep(step: Step): string {
  if (typeof step === 'number') return `[${step}]`;
  if (typeof step === 'object') return step.of === 'key' ? ` (its key ${step.position})` : `[${step.position}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

function stringHeaderBytes(bytes: number): number {
  if (bytes < 32) return 1;
  if (bytes <= 0xff) return 2;
  return bytes <= 0xffff ? 3 : MAX_STRING_HEADER_BYTES;
}
