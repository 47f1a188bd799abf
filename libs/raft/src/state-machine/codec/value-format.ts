/**
 * The bytes of values: MessagePack, so that any tool can read a log, with application types for what it lacks. The numbers
 * never change; golden bytes are kept in a test.
 *
 * | value                        | bytes                                                                       |
 * |------------------------------|-----------------------------------------------------------------------------|
 * | safe integer                 | the shortest of fixint, (u)int 8, 16, 32, 64                                |
 * | other number, and -0         | float 64; every NaN has the same bytes                                      |
 * | string, Uint8Array, array    | str, bin, array                                                             |
 * | plain object                 | map with string keys, in the object's own order                             |
 * | undefined                    | fixext 1, type 0                                                            |
 * | Date                         | fixext 8, type 1: milliseconds as float 64                                  |
 * | bigint                       | ext 32, type 2: a sign byte (0 or 1), then the magnitude, big endian        |
 * | Map                          | ext 32, type 3: its entries as an array of keys and values in turn          |
 * | Set                          | ext 32, type 4: its elements as an array                                    |
 */
export const EXTENSION = Object.freeze({
  undefined: 0,
  date: 1,
  bigint: 2,
  map: 3,
  set: 4,
});

/** Nesting above this is refused: it is a mistake more often than data, and recursion must not end in a stack overflow. */
export const MAX_VALUE_DEPTH = 128;

/**
 * Elements of arrays, Sets and Maps, and entries of objects, in all arguments of one call together. Of empty ones a megabyte of
 * bytes makes a hundred megabytes of objects, and who calls isn't always a friend. A constant of the format, as each node refuses
 * at its own apply what one of them would.
 */
export const MAX_ARGUMENT_ELEMENTS = 262_144;
