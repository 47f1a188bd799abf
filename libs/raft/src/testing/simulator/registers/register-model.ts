/** The value of one key; null before the first write. */
export type RegisterValue = string | null;

export type RegisterCommand =
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'append'; readonly value: string }
  | { readonly kind: 'increment' }
  | { readonly kind: 'compareAndSet'; readonly expected: RegisterValue; readonly value: string };

/** One call of a client on one key. */
export type RegisterCall = RegisterCommand | { readonly kind: 'get' };

/** What a call answers: the value afterwards, or that it was refused and what was there. */
export interface RegisterAnswer {
  readonly refused: boolean;
  readonly value: RegisterValue;
}

const LONGEST = 64;

/** @returns the value after the command, or undefined where it refuses */
export function nextRegisterValue(before: RegisterValue, command: RegisterCommand): string | undefined {
  switch (command.kind) {
    case 'put':
      return command.value;
    case 'append': {
      const text = before ?? '';
      return text.length + command.value.length > LONGEST ? command.value : text + command.value;
    }
    case 'increment':
      return String(/^\d{1,9}$/.test(before ?? '') ? Number(before) + 1 : 1);
    case 'compareAndSet':
      return before === command.expected ? command.value : undefined;
  }
}

/** What one call does and answers if it takes effect on this value. */
export function applyCall(
  before: RegisterValue,
  call: RegisterCall,
): { readonly after: RegisterValue; readonly answer: RegisterAnswer } {
  if (call.kind === 'get') return { after: before, answer: { refused: false, value: before } };
  const after = nextRegisterValue(before, call);
  return after === undefined
    ? { after: before, answer: { refused: true, value: before } }
    : { after, answer: { refused: false, value: after } };
}

/** @returns the text, or its beginning */
export function short(value: RegisterValue): string {
  return value !== null && value.length > 80 ? `${value.slice(0, 20)}… (${value.length})` : String(value);
}

export function describeCall(call: RegisterCall): string {
  switch (call.kind) {
    case 'get':
    case 'increment':
      return call.kind;
    case 'put':
    case 'append':
      return `${call.kind} ${short(call.value)}`;
    case 'compareAndSet':
      return `compareAndSet ${short(call.expected)} → ${short(call.value)}`;
  }
}
