/** One call and what came of it. */
export interface Operation<Call, Answer> {
  readonly call: Call;
  readonly calledAt: number;
  /** Absent: it may have taken effect at any time after the call, or never. */
  readonly answered?: { readonly at: number; readonly answer: Answer };
  /** Where it probably stands among all: that order is tried first, and places are tried by it. Default 0. */
  readonly likely?: number;
}

/** A sequential object. */
export interface SequentialModel<State, Call, Answer> {
  readonly initial: State;
  /** @returns the state afterwards; `answer` is undefined where it isn't known. Undefined where the call can't answer this */
  step(state: State, call: Call, answer: Answer | undefined): { readonly state: State } | undefined;
  /** @returns text that two states have in common only if they are the same */
  identify(state: State): string;
  /** Whether what the call does and answers is the same in every state, like that of a plain write. */
  isBlind(call: Call): boolean;
  /** Whether a call with this answer changes nothing, in whatever state it gets it. */
  isLook(call: Call, answer: Answer): boolean;
}

export interface Linearization {
  readonly linearizable: boolean;
  /** The greatest number of answered operations that could be ordered. */
  readonly ordered: number;
}

/**
 * Whether there is an order of all answered operations, and of some of the others, that the model could have run one by one,
 * in which each stands between its call and its answer (Herlihy and Wing). The search is Wing and Gong's, which tries every
 * operation that may come next, and remembers which sets of operations led to which state (Lowe), so that it never searches
 * twice from one place. What only looks and may come now comes now: no order that has it later has anything else changed.
 */
export function longestLinearization<State, Call, Answer>(
  model: SequentialModel<State, Call, Answer>,
  operations: readonly Operation<Call, Answer>[],
): Linearization {
  return new Search(model, operations).run();
}

/** A checker that doesn't end says nothing: such a history is too long, or its calls overlap too much. */
const MOST_PLACES = 1_000_000;

class Search<State, Call, Answer> {
  private readonly answered: readonly Operation<Call, Answer>[];
  /** Places in {@link answered}, by the time of the answer. */
  private readonly byAnswer: readonly number[];
  private readonly unanswered: readonly Operation<Call, Answer>[];
  private readonly chosen: Uint8Array;
  private readonly seen = new Set<string>();
  private most = 0;

  constructor(
    private readonly model: SequentialModel<State, Call, Answer>,
    private readonly operations: readonly Operation<Call, Answer>[],
  ) {
    const byCall = [...operations].sort((left, right) => left.calledAt - right.calledAt);
    this.answered = byCall.filter(({ answered }) => answered !== undefined);
    this.unanswered = byCall.filter(({ answered }) => answered === undefined);
    this.byAnswer = this.answered
      .map((_, at) => at)
      .sort((left, right) => this.answered[left]!.answered!.at - this.answered[right]!.answered!.at);
    this.chosen = new Uint8Array(byCall.length);
  }

  run(): Linearization {
    if (this.isLikelyOrderRight()) return { linearizable: true, ordered: this.answered.length };
    const linearizable = this.completes(this.model.initial, 0, 0, 0, false);
    return { linearizable, ordered: this.most };
  }

  /** One order that fits is enough. The search may miss it for long: it leaves out what nobody has to have seen. */
  private isLikelyOrderRight(): boolean {
    const likely = this.operations.toSorted((left, right) => (left.likely ?? 0) - (right.likely ?? 0));
    let state = this.model.initial;
    let latestCall = Number.NEGATIVE_INFINITY;
    for (const { call, calledAt, answered } of likely) {
      latestCall = Math.max(latestCall, calledAt);
      if (answered !== undefined && answered.at < latestCall) return false;
      const after = this.model.step(state, call, answered?.answer);
      if (after === undefined) return false;
      state = after.state;
    }
    return true;
  }

  /**
   * @param ordered how many answered operations have their place
   * @param fromCall all answered operations before this one have their place
   * @param fromAnswer likewise, by the time of the answer
   * @param owing the operation before has no answer: it is there only for the next one to see it
   */
  private completes(state: State, ordered: number, fromCall: number, fromAnswer: number, owing: boolean): boolean {
    const { answered, byAnswer, chosen } = this;
    this.most = Math.max(this.most, ordered);
    if (ordered === answered.length) return true;
    if (this.wasHere(state, owing)) return false;

    let firstCall = fromCall;
    while (chosen[firstCall] === 1) firstCall++;
    let firstAnswer = fromAnswer;
    while (chosen[byAnswer[firstAnswer]!] === 1) firstAnswer++;
    // What comes next was called before any of those that are left had its answer.
    const latestCall = answered[byAnswer[firstAnswer]!]!.answered!.at;

    const candidates = this.candidates(firstCall, latestCall);
    const look = candidates.find((place) => this.seesThis(state, this.at(place)));
    for (const place of look === undefined ? candidates : [look]) {
      const isAnswered = place < answered.length;
      const after = this.take(state, this.at(place), owing);
      if (after === undefined) continue;
      chosen[place] = 1;
      const next = isAnswered ? ordered + 1 : ordered;
      if (this.completes(after.state, next, firstCall, firstAnswer, !isAnswered)) return true;
      chosen[place] = 0;
    }
    return false;
  }

  /** @returns the places of what may come next, the likeliest first: answered operations, and others behind them */
  private candidates(firstCall: number, latestCall: number): readonly number[] {
    const { answered, unanswered, chosen } = this;
    const places: number[] = [];
    for (let at = firstCall; at < answered.length && answered[at]!.calledAt <= latestCall; at++)
      if (chosen[at] !== 1) places.push(at);
    for (let at = 0; at < unanswered.length && unanswered[at]!.calledAt <= latestCall; at++)
      if (chosen[answered.length + at] !== 1) places.push(answered.length + at);
    return places.sort((left, right) => (this.at(left).likely ?? 0) - (this.at(right).likely ?? 0));
  }

  private seesThis(state: State, { call, answered }: Operation<Call, Answer>): boolean {
    if (answered === undefined || !this.model.isLook(call, answered.answer)) return false;
    return this.model.step(state, call, answered.answer) !== undefined;
  }

  private at(place: number): Operation<Call, Answer> {
    const { answered, unanswered } = this;
    return place < answered.length ? answered[place]! : unanswered[place - answered.length]!;
  }

  /** Behind an operation that nobody has to have seen, one that doesn't look makes it superfluous. */
  private take(state: State, { call, answered }: Operation<Call, Answer>, owing: boolean) {
    return owing && this.model.isBlind(call) ? undefined : this.model.step(state, call, answered?.answer);
  }

  private wasHere(state: State, owing: boolean): boolean {
    const place = `${this.keyOfChosen()}${owing ? '!' : ' '}${this.model.identify(state)}`;
    if (this.seen.has(place)) return true;
    if (this.seen.size >= MOST_PLACES)
      throw new Error(`a history of ${this.chosen.length} operations takes too long to check`);
    this.seen.add(place);
    return false;
  }

  private keyOfChosen(): string {
    const { chosen } = this;
    let key = '';
    for (let from = 0; from < chosen.length; from += 16) {
      let bits = 0;
      for (let at = from; at < from + 16; at++) bits = bits * 2 + (chosen[at] ?? 0);
      key += String.fromCharCode(bits);
    }
    return key;
  }
}
