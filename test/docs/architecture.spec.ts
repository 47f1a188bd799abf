import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  RaftCommand,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type Replicated,
} from 'nestjs-raft';
import { createTestCluster } from 'nestjs-raft/testing';
import { RaftKernel } from '../../libs/raft/src/core/kernel';
import { callerOf } from '../../libs/raft/src/nest/common/state-machine-caller';
import { PendingRequest } from '../../libs/raft/src/runtime/requests/pending-request';

const ROOT = resolve(__dirname, '..', '..');
const SOURCES = 'libs/raft/src';
const page = readFileSync(join(ROOT, 'docs', 'architecture.md'), 'utf8');

/** Folders of the library that have source files of their own. */
function sourceFolders(): string[] {
  return readdirSync(join(ROOT, SOURCES), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => statSync(join(ROOT, SOURCES, name)).isDirectory())
    .filter((name) => readdirSync(join(ROOT, SOURCES, name)).some((file) => /(?<!\.spec)\.ts$/.test(file)))
    .sort();
}

/** What stands in code in the first column of the tables of a section. */
function firstColumn(section: string): string[] {
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!);
}

function sectionOf(heading: string): string {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/architecture.md has no section '${heading}'`);
  return section;
}

@RaftStateMachine('notes')
class Notes {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  write(_context: CommandContext, text: string): number {
    this.values.set(text, text.length);
    return text.length;
  }

  @RaftSnapshot()
  capture() {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

/** The frames of the library on the stack, the innermost first, without what runs the test. */
function framesHere(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  const { stack } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack!
    .split('\n')
    .filter((line) => /^\s+at (?!async )/.test(line))
    .flatMap((line) => {
      const [, file] = /libs\/raft\/src\/(\S+\.ts):/.exec(line.replaceAll('\\', '/')) ?? [];
      return file === undefined || file.startsWith('testing/') ? [] : [file];
    });
}

/** One injected call on the leader of one node, which has a store of its own: nothing is forwarded. */
async function probe(): Promise<{ readonly proposing: string[]; readonly answering: string[] }> {
  const cluster = await createTestCluster(1, { machines: [Notes] });
  const leader = await cluster.waitForLeader();
  const notes = callerOf(Notes, () => ({ node: () => leader.raft })) as Replicated<Notes>;
  // The first call may wait until the leader has applied the first entry of its term.
  await cluster.ends(notes.write('bread'));
  let proposing: string[] = [];
  let answering: string[] = [];
  const { propose } = RaftKernel.prototype;
  jest.spyOn(RaftKernel.prototype, 'propose').mockImplementation(function (this: RaftKernel, ...args) {
    proposing = framesHere();
    return propose.apply(this, args);
  });
  const { settleWith } = PendingRequest.prototype;
  jest.spyOn(PendingRequest.prototype, 'settleWith').mockImplementation(function (this: PendingRequest, result) {
    answering = framesHere();
    settleWith.call(this, result);
  });
  await cluster.ends(notes.write('milk'));
  jest.restoreAllMocks();
  await cluster.close();
  return { proposing: proposing.toReversed(), answering: [...answering.toReversed(), PENDING_REQUEST] };
}

/** `settleWith` itself, which the spy stands in for. */
const PENDING_REQUEST = 'runtime/requests/pending-request.ts';

describe('docs/architecture.md', () => {
  it('has a line for every folder of the library, and for no other', () => {
    expect(firstColumn(sectionOf('The map of folders'))).toEqual(sourceFolders());
  });

  it('names files and folders that are there', () => {
    const named = [...page.matchAll(/`([^`\s]+)`/g)].map(([, name]) => name!);
    const paths = named.filter((name) => /^[a-z][\w.-]*(\/[\w.-]+)+$/.test(name) && !name.startsWith('nestjs-raft/'));
    expect(paths.length).toBeGreaterThan(60);
    expect(paths.filter((name) => !existsSync(join(ROOT, SOURCES, name)) && !existsSync(join(ROOT, name)))).toEqual([]);
  });

  it('counts the frames of a call as they are', async () => {
    const { proposing, answering } = await probe();
    const said = (heading: string): string[] =>
      [
        ...page
          .split(`### ${heading}\n`)[1]!
          .split(/^#/m)[0]!
          .matchAll(/^\| \d+ \| `([^`]+)` \|/gm),
      ].map(([, file]) => file!);
    expect(said('From an injected call to the kernel')).toEqual(proposing);
    expect(said('From the state machine to the caller')).toEqual(answering);
  });
});
