import type { TraceStep } from './base/trace';

/** How many columns of text a node has. */
const LANE = 9;
const TIME = 10;
const MOST_LINES = 120;

/** Messages that say nothing new: without them a story is short enough to be followed. */
const DULL = /^(heartbeat|founder|request|response|append \d+ term \d+, prev \S+, empty|append \d+ accepted)/;

/**
 * A story as a message diagram: a column for each node, time from top to bottom, an arrow where a message arrives, and beside
 * each line what it is. Heartbeats, empty appends and their answers are left out, unless that is all there is.
 *
 * @param steps all steps of one run
 */
export function drawDiagram(steps: readonly TraceStep[], nodes: readonly string[]): string {
  const lines = new Diagram(nodes).draw(steps);
  const left = lines.length - MOST_LINES;
  const shown = left > 0 ? [`${''.padEnd(TIME)}… ${left} lines before`, ...lines.slice(-MOST_LINES)] : lines;
  const head = `${'s'.padStart(TIME - 2)}  ${nodes.map((name) => name.padEnd(LANE)).join('')}`.trimEnd();
  return [head, ...shown].join('\n');
}

class Diagram {
  private readonly lines: string[] = [];

  constructor(private readonly nodes: readonly string[]) {}

  draw(steps: readonly TraceStep[]): readonly string[] {
    for (const step of steps) this.add(step);
    return this.lines;
  }

  private add(step: TraceStep): void {
    const { kind, who, other, text } = step;
    const lane = this.laneOf(who);
    switch (kind) {
      case 'receive':
        if (!DULL.test(text)) this.arrow(step, this.laneOf(other), lane, text);
        return;
      case 'drop':
        if (!DULL.test(text)) this.arrow(step, lane, this.laneOf(other), `lost: ${text}`, '✕');
        return;
      case 'landed':
        this.mark(step, lane, '▪', `durable: ${text}`);
        return;
      case 'start':
        this.mark(step, lane, '▲', `${who} starts, ${text}`);
        return;
      case 'exit':
        this.mark(step, lane, '✖', `${who} is killed`);
        return;
      case 'status':
        this.mark(step, lane, '●', `${who}: ${text.trim()}`);
        return;
      case 'apply':
        this.mark(step, lane, '■', `applied: ${text}`);
        return;
      case 'fault':
      case 'call':
      case 'answer':
        this.line(step, this.lifelines(), text.trim());
        return;
      default:
    }
  }

  private laneOf(who: string): number {
    return this.nodes.indexOf(who.split('.', 1)[0]!);
  }

  private lifelines(): string[] {
    return this.nodes.flatMap(() => ['│', ...Array.from({ length: LANE - 1 }, () => ' ')]);
  }

  private mark(step: TraceStep, lane: number, sign: string, text: string): void {
    const row = this.lifelines();
    if (lane >= 0) row[lane * LANE] = sign;
    this.line(step, row, text);
  }

  private arrow(step: TraceStep, from: number, to: number, text: string, head?: string): void {
    const row = this.lifelines();
    if (from >= 0 && to >= 0 && from !== to) {
      const [left, right] = [Math.min(from, to) * LANE, Math.max(from, to) * LANE];
      for (let at = left + 1; at < right; at++) row[at] = row[at] === '│' ? '┼' : '─';
      row[from * LANE] = from < to ? '├' : '┤';
      row[to < from ? left + 1 : right - 1] = head ?? (to < from ? '◄' : '►');
    }
    this.line(step, row, text);
  }

  /** What is repeated at once, such as a status, is said once. */
  private line({ atMs }: TraceStep, row: readonly string[], text: string): void {
    const rest = `${row.join('')} ${text}`;
    if (this.lines.at(-1)?.slice(TIME) === rest) return;
    this.lines.push(`${(atMs / 1000).toFixed(4).padStart(TIME - 2)}  ${rest}`);
  }
}
