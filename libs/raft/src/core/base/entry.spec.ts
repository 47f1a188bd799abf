import { crc32c } from './checksum';
import { ENTRY_KIND_CODES, entryKindOfCode, entrySizeBytes, isIntact, makeEntry, type Entry } from './entry';

const data = new TextEncoder().encode('x=1');
const entry = makeEntry(7, 3, { kind: 'command', schemaVersion: 2, data });

describe('Entry', () => {
  it('is intact as its leader wrote it', () => {
    expect(isIntact(entry)).toBe(true);
  });

  it.each<[string, Partial<Entry>]>([
    ['its index', { index: 8 }],
    ['a high bit of its index', { index: 7 + 2 ** 40 }],
    ['its term', { term: 4 }],
    ['its index and term exchanged', { index: 3, term: 7 }],
    ['its kind', { kind: 'noop' }],
    ['its format', { format: 2 }],
    ['its schema version', { schemaVersion: 3 }],
    ['a bit of its data', { data: new TextEncoder().encode('x=0') }],
    ['the end of its data', { data: data.subarray(0, 2) }],
  ])('is not intact when %s changed', (_, change) => {
    expect(isIntact({ ...entry, ...change })).toBe(false);
  });

  it('has a checksum over index, term, kind, format, schema version and data: golden bytes', () => {
    const header = new Uint8Array(24);
    const view = new DataView(header.buffer);
    view.setBigUint64(0, 7n, true);
    view.setBigUint64(8, 3n, true);
    view.setUint16(16, 2, true);
    view.setUint16(18, 1, true);
    view.setUint32(20, 2, true);

    expect(entry.checksum).toBe(crc32c(crc32c(0, header), data));
    expect(entry.checksum).toBe(0x944f3a35);
  });

  it('keeps the numbers of the kinds, which are in every store', () => {
    expect(ENTRY_KIND_CODES).toEqual({
      noop: 0,
      configuration: 1,
      command: 2,
      clock: 3,
      session: 4,
      clusterVersion: 5,
    });
    for (const [kind, code] of Object.entries(ENTRY_KIND_CODES)) expect(entryKindOfCode(code)).toBe(kind);
    expect(entryKindOfCode(6)).toBeUndefined();
  });

  it('counts for more than its data, so that empty entries are bounded too', () => {
    expect(entrySizeBytes({ data: new Uint8Array(0) })).toBeGreaterThan(0);
  });
});
