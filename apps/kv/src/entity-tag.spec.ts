import { BadRequestException } from '@nestjs/common';
import { entityTag, isFresh, writePrecondition } from './entity-tag';

describe('entity tags', () => {
  it('are the index in quotes', () => {
    expect(entityTag(42)).toBe('"42"');
  });

  describe('of a write', () => {
    it.each([
      ['neither header', undefined, undefined, undefined],
      ['If-Match: *', '*', undefined, 'present'],
      ['If-None-Match: *', undefined, ' * ', 'absent'],
      ['one tag', '"7"', undefined, [7]],
      ['several tags', '"7", "8" ,"9"', undefined, [7, 8, 9]],
      ['weak tags, which never match strongly', 'W/"7"', undefined, []],
      ['tags of another store', '"abc", "7"', undefined, [7]],
      ['a number that is no safe integer', '"99999999999999999999"', undefined, []],
    ])('%s', (_what, ifMatch, ifNoneMatch, precondition) => {
      expect(writePrecondition(ifMatch, ifNoneMatch)).toEqual(precondition);
    });

    it.each([
      ['both headers', '"7"', '*', /exclude each other/],
      ['If-None-Match with a tag', undefined, '"7"', /must be \*/],
      ['a tag without quotes', '7', undefined, /If-Match: 7 isn't an ETag/],
      ['an empty If-Match', '', undefined, /isn't an ETag/],
      ['a list with a hole', '"7",,"8"', undefined, /isn't an ETag/],
    ])('are refused: %s', (_what, ifMatch, ifNoneMatch, sentence) => {
      expect(() => writePrecondition(ifMatch, ifNoneMatch)).toThrow(BadRequestException);
      expect(() => writePrecondition(ifMatch, ifNoneMatch)).toThrow(sentence);
    });
  });

  it.each([
    [undefined, false],
    ['*', true],
    ['"7"', true],
    ['W/"7"', true],
    ['"1", W/"7"', true],
    ['"8"', false],
    ['7', false],
  ])('of a read: If-None-Match %s of version 7 is fresh: %s', (header, fresh) => {
    expect(isFresh(header, 7)).toBe(fresh);
  });
});
