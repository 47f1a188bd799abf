import type { ByteReader } from './byte-reader';
import { EXTENSION, MAX_VALUE_DEPTH } from './value-format';

/** Reads one value in the format of {@link EXTENSION}'s table. What it returns shares no memory with the bytes. */
export class ValueReader {
  private depth = 0;
  private elements = 0;

  /** @param mostElements in all arrays, objects, Maps and Sets together */
  constructor(
    private readonly input: ByteReader,
    private readonly mostElements = Number.POSITIVE_INFINITY,
  ) {}

  read(): unknown {
    const { input } = this;
    const head = input.uint8();
    if (head < 0x80) return head;
    if (head < 0x90) return this.readObject(head & 0x0f);
    if (head < 0xa0) return this.readArray(head & 0x0f);
    if (head < 0xc0) return input.utf8(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return input.copy(input.uint8());
      case 0xc5:
        return input.copy(input.uint16());
      case 0xc6:
        return input.copy(input.uint32());
      case 0xc9:
        return this.readExtension(input.uint32());
      case 0xcb:
        return input.float64();
      case 0xcc:
        return input.uint8();
      case 0xcd:
        return input.uint16();
      case 0xce:
        return input.uint32();
      case 0xcf:
        return input.safeInteger();
      case 0xd0:
        return (input.uint8() << 24) >> 24;
      case 0xd1:
        return (input.uint16() << 16) >> 16;
      case 0xd2:
        return input.uint32() | 0;
      case 0xd3:
        return this.readNegative();
      case 0xd4:
        return this.readExtension(1);
      case 0xd7:
        return this.readExtension(8);
      default:
        return this.readLong(head);
    }
  }

  /** What has its length in bytes of its own: longer texts, arrays and objects. */
  private readLong(head: number): unknown {
    const { input } = this;
    switch (head) {
      case 0xd9:
        return input.utf8(input.uint8());
      case 0xda:
        return input.utf8(input.uint16());
      case 0xdb:
        return input.utf8(input.uint32());
      case 0xdc:
        return this.readArray(input.uint16());
      case 0xdd:
        return this.readArray(input.uint32());
      case 0xde:
        return this.readObject(input.uint16());
      case 0xdf:
        return this.readObject(input.uint32());
      default:
        throw input.malformed(`no value begins with ${head}`);
    }
  }

  private readNegative(): number {
    const { input } = this;
    const high = input.uint32() | 0;
    const value = high * 0x1_0000_0000 + input.uint32();
    if (value < Number.MIN_SAFE_INTEGER) throw input.malformed('a number is beyond the safe integers');
    return value;
  }

  /** @param least bytes that each of the elements takes at least, so that a false length allocates nothing */
  private enter(length: number, least: number): void {
    if (length * least > this.input.remaining) throw this.input.malformed(`${length} elements are expected here`);
    if ((this.elements += length) > this.mostElements)
      throw this.input.malformed(`there are more than ${this.mostElements} elements`);
    if (++this.depth > MAX_VALUE_DEPTH) throw this.input.malformed(`nested more than ${MAX_VALUE_DEPTH} deep`);
  }

  private readArray(length: number): unknown[] {
    this.enter(length, 1);
    const array: unknown[] = [];
    for (let index = 0; index < length; index++) array.push(this.read());
    this.depth--;
    return array;
  }

  private readObject(length: number): object {
    this.enter(length, 2);
    const object: Record<string, unknown> = {};
    for (let index = 0; index < length; index++) {
      const key = this.readKey();
      const value = this.read();
      // An assignment would set the prototype.
      if (key === '__proto__')
        Object.defineProperty(object, key, {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      else object[key] = value;
    }
    this.depth--;
    return object;
  }

  private readKey(): string {
    const { input } = this;
    const head = input.bytes[input.at];
    if (head !== undefined && head >= 0xa0 && head < 0xc0) {
      input.at++;
      return input.word(head & 0x1f);
    }
    const key = this.read();
    if (typeof key !== 'string') throw input.malformed("a key isn't a string");
    return key;
  }

  private readExtension(length: number): unknown {
    const { input } = this;
    const type = input.uint8();
    const end = input.at + length;
    if (length > input.remaining) throw input.malformed(`${length} bytes are expected here`);
    const value = this.readExtensionContent(type, length);
    if (input.at !== end) throw input.malformed(`an extension of type ${type} ends elsewhere`);
    return value;
  }

  private readExtensionContent(type: number, length: number): unknown {
    const { input } = this;
    switch (type) {
      case EXTENSION.undefined:
        input.uint8();
        return undefined;
      case EXTENSION.date:
        return new Date(input.float64());
      case EXTENSION.bigint:
        return this.readBigint(length);
      case EXTENSION.map: {
        const pairs = this.readElements();
        if (pairs.length % 2 !== 0) throw input.malformed('a Map has a key without a value');
        const map = new Map<unknown, unknown>();
        for (let index = 0; index < pairs.length; index += 2) map.set(pairs[index], pairs[index + 1]);
        return map;
      }
      case EXTENSION.set:
        return new Set(this.readElements());
      default:
        throw input.malformed(`extension type ${type} is unknown`);
    }
  }

  private readElements(): unknown[] {
    const elements = this.read();
    if (!Array.isArray(elements)) throw this.input.malformed("elements aren't an array");
    return elements;
  }

  private readBigint(length: number): bigint {
    const { input } = this;
    if (length < 2) throw input.malformed('a bigint has no digits');
    const sign = input.uint8();
    const magnitude = BigInt(`0x${Buffer.from(input.copy(length - 1)).toString('hex')}`);
    return sign === 1 ? -magnitude : magnitude;
  }
}
