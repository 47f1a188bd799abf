/** Values in ascending order, each once. An insertion moves what is behind it, which is quick up to some hundred thousand. */
export class SortedList<T extends string | number> {
  private values: T[] = [];

  get length(): number {
    return this.values.length;
  }

  at(position: number): T | undefined {
    return this.values[position];
  }

  /** @returns the position of the first value that isn't below `value` */
  positionOf(value: T): number {
    let from = 0;
    let to = this.values.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.values[middle]! < value) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  add(value: T): void {
    const last = this.values.at(-1);
    if (last === undefined || last < value) {
      this.values.push(value);
      return;
    }
    const at = this.positionOf(value);
    if (this.values[at] !== value) this.values.splice(at, 0, value);
  }

  delete(value: T): boolean {
    const at = this.positionOf(value);
    if (this.values[at] !== value) return false;
    this.values.splice(at, 1);
    return true;
  }
}
