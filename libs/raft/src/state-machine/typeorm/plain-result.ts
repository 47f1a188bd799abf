import type { DataSource } from 'typeorm';

/**
 * Entities are instances of classes, which callers on other nodes needn't have: they get their columns and loaded relations as
 * plain objects. Everything else is left to the codec.
 */
export class PlainResults {
  private readonly classes: ReadonlySet<unknown>;

  constructor(dataSource: DataSource) {
    this.classes = new Set(
      dataSource.entityMetadatas.flatMap((metadata) => [
        metadata.target,
        ...metadata.embeddeds.map(({ type }) => type as unknown),
      ]),
    );
  }

  of(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => this.of(each));
    if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, this.of(each)]));
    const prototype = Object.getPrototypeOf(value) as { readonly constructor?: unknown } | null;
    const isPlain = prototype === null || prototype === Object.prototype;
    if (!isPlain && !this.classes.has(prototype.constructor)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.of(each)]));
  }
}
