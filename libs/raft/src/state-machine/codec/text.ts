/** In Node 20, though not in the types of its year. */
interface WellFormedString {
  isWellFormed(): boolean;
}

/** @returns whether the string can be written as UTF-8: half of a surrogate pair would come back as another character */
export function isText(value: string): boolean {
  return (value as unknown as WellFormedString).isWellFormed();
}
