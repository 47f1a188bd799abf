import type * as Proposal from '../../libs/raft/src/core/rules/membership-proposal';
import { cancelWithoutOneHalf } from './cancel-stories';

let mockAnswersCount = true;

jest.mock('../../libs/raft/src/core/rules/membership-proposal', () => {
  const actual = jest.requireActual<typeof Proposal>('../../libs/raft/src/core/rules/membership-proposal');
  const answersOf: typeof Proposal.answersOf = (state, voters) => {
    const answers = actual.answersOf(state, voters);
    return mockAnswersCount ? answers : { ...answers, isMajority: true };
  };
  return { ...actual, answersOf };
});

/** In simulated clusters a silent half ends the leadership before anybody asks for a cancel, so its story is told here. */
describe('a mistake in how a change is cancelled', () => {
  afterEach(() => (mockAnswersCount = true));

  it('is noticed: a joint configuration is left while one of its halves is silent', () => {
    expect(cancelWithoutOneHalf).not.toThrow();
    mockAnswersCount = false;
    expect(cancelWithoutOneHalf).toThrow('halfSilent');
  });
});
