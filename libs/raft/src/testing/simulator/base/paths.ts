/**
 * The paths through the product that a set of seeds has to meet, with the least number of times in 1,000 seeds: a simulator
 * that never gets somewhere says nothing about it.
 */
export const PATHS = Object.freeze({
  'founding finished': 'every founder has adopted genesis',
  'founding met a crash': 'a founder was killed before all had adopted genesis',
  'elected a leader': 'a replica led a term',
  'changed the leader': 'another replica than before led',
  'asked for pre-votes': 'a pre-vote round was sent',
  'refused a pre-vote': 'a voter refused a pre-vote',
  'refused a vote': 'a voter refused a vote',
  'handed the leadership over': 'a voter was told to campaign at once',
  'entered a joint configuration': 'both halves decide',
  'left a joint configuration': 'the new half decides',
  'lost the leader in a joint configuration': 'another one has to leave it',
  'crashed the leader in a joint configuration': 'right as it was entered',
  'a new node asked to join': 'with an empty store',
  'a removed node came back as another replica': 'under its name, with an empty store',
  'a member came back with an empty disk': 'and joined as another replica, while the old one was a member',
  'a joined node became a voter': 'once it had caught up',
  'removed a member': 'to its end, as the one that asked saw it',
  'removed the leader': 'likewise: it hands over, or leaves',
  'a removed node said so': 'it no longer takes part',
  'a session ended within a slice of a database': 'with commands of it before its end, which are applied together',
  'a database was ahead of the replay': 'a start found it further than the snapshot that the node began with',
  'changed who votes': 'a change of several members came to its end where it was asked for',
  'cancelled a change': 'where it was asked for, while members caught up or in a joint configuration',
  'cancelled a change that was not committed yet': 'the cancel waited for its entry, and came before the next step',
  'a cancel came too late': 'the joint configuration was being left',
  'took back a change before votes changed': 'by one entry, which clears the target',
  'left a joint configuration to where it came from': 'by one entry, which both halves decided',
  'refused or gave up a change of the membership': 'another was under way, the quorum was at risk, or time ran out',
  'stored a snapshot': 'taken here, or fetched from another node',
  'cut the head of a log': 'behind a snapshot',
  'started from a snapshot': 'a restarted node restored its state machine',
  'asked a follower to fetch a snapshot': 'the log no longer had what it lacked',
  'installed a snapshot': 'of another node, in place of the state and the log',
  'fetched a snapshot from the leader': 'chunk by chunk',
  'fetched a snapshot from a follower': 'chunk by chunk',
  'broke off the fetch of a snapshot': 'the connection was reset with a chunk on its way',
  'went on with a fetch that had broken off': 'not from its beginning',
  'snapshot broke off while it was written': 'the one before stays',
  'crashed between the steps of an install': 'the snapshot was in the store, the log not cut yet',
  'started with an unfinished install': 'and finished it',
  'stalled a disk': 'it answered nothing for longer than an election takes',
  'stalled the disk under all': 'nobody is better off',
  'a write stalled': 'for longer than the watch over the store waits',
  'handed over from a stalled store': 'to a replica that is shown to be well',
  'clocks drifted beyond any margin': 'no lease rests on them',
  'clocks drifted up to the margin': 'leases rest on them',
  'left leadership in the same term': 'a leader stepped down by itself: no quorum, or a failing store',
  'rejected an append': 'a follower lacked what the append stands on',
  'truncated a conflict': 'a follower cut entries of another term',
  'truncated a conflict over a long way':
    'likewise, where a round trip takes three heartbeats: late answers must not stop the search',
  'loaded entries from the store': 'entries were read back: replay after a start, or a slow follower',
  'failed to load entries': 'the store could not be read',
  'wrote many entries in one batch': 'group commit',
  'persist was slow': 'a write took longer than a heartbeat interval',
  'persist failed without a trace': 'the write did not land, and the session was lost',
  'persist landed, answer lost': 'the write landed, and the session was lost',
  'persist landed after its error': 'the write landed between its error and the end of recovery',
  'persist landed as the process was killed': 'in flight at a crash, and durable',
  'persist was lost as the process was killed': 'in flight at a crash, and gone',
  'sent a batch again': 'the store had not got it',
  'recovered the store': 'a new session after an error',
  'failed to recover the store': 'the store was still away',
  'store was away at a start': 'a node could not open its store',
  'crashed a node': 'SIGKILL',
  'crashed the leader': 'SIGKILL of whoever led',
  'crashed every node': 'a power cut',
  'restarted a node': 'with what its disk holds',
  'stopped a node in order': 'SIGTERM',
  'restarted voters at once': 'SIGTERM and a start, where a lease may rest on their word',
  'paused a node': 'SIGSTOP',
  'paused the leader': 'SIGSTOP of whoever led',
  'resumed with timers before input': 'as Node does after SIGCONT',
  'came back at another address': 'a node was killed, and started elsewhere with its disk',
  'swapped addresses': 'two nodes came back, each where the other had been',
  'followed a move': 'the membership has another address for a member',
  'left a zombie behind': 'a successor opened the store of a paused process',
  'wiped a founder': 'it came back with an empty disk',
  'quarantined a wiped founder': 'it found out that it must not take part',
  'rolled a disk back': 'an older copy of it came back, after all others had heard of a later life',
  'quarantined a rolled-back disk': 'it found out that it must not take part',
  'partitioned the network': 'in two parts',
  'partitioned one way': 'a node was heard and heard nothing, or the other way round',
  'isolated the leader': 'in both directions',
  'cut one link': 'two nodes lost each other, and reached all others',
  'disturbed the network': 'a time of loss and delay',
  'forged a term': 'a message came with a term above the limit, and its connection was closed',
  'came back after 10,000 elections': 'a node restarted with a term as far from that of the others',
  'congested a link': 'a backlog of more than a mebibyte',
  'reset a connection': 'both sides stayed alive',
  'lost a message': 'of any kind',
  'repeated a message': 'of any kind',
  'reordered messages': 'a later one arrived first',
  'delayed a message for long': 'by up to several election time-outs',
  'coded messages as on the wire': 'through the peer protocol',
  'wall clock jumped': 'forward or back, by up to an hour',
  'forwarded a call': 'from a follower to the leader',
  'sent a command on in a session': 'of the node, for a caller without one',
  'filtered a repetition that a node sent': 'of a command whose answer it had not got',
  'opened a session': 'of a client',
  'retried a command on another node': 'with the same number, as the answer did not come',
  'filtered a repetition': 'of a client’s command that was applied already',
  'got the first answer again': 'a client repeated what was answered already',
  'ended a session by its time': 'as an entry said',
  'answered session expired': 'the session, or the answer, was gone',
  'put the time into an idle log': 'as something was due',
  'applied a command': 'and answered it',
  'rejected a command': 'the state machine refused',
  'answered a linearizable read': 'by a round',
  'answered a lease read': 'with leases on',
  'answered a read of the own writes': 'from the local state, once it had them',
  'answered a stale read': 'from the local state',
  'answered not leader': 'not applied, by a follower that was not to forward',
  'answered no leader': 'not applied',
  'answered busy': 'not applied',
  'answered indeterminate': 'the leadership or the connection was lost in between',
  'answered time-out': 'the deadline passed',
  'answered storage trouble': 'not applied',
  'answered shutting down': 'not applied',
  'call ended with its process': 'the client never hears',
} as const);

export type Path = keyof typeof PATHS;

/** A path that fewer seeds of a thousand meet is not tested. */
export const LEAST_PER_THOUSAND = 50;

/** How often each path was met. */
export class PathCounts {
  private readonly counts = new Map<Path, number>();

  count(path: Path, times = 1): void {
    this.counts.set(path, this.of(path) + times);
  }

  of(path: Path): number {
    return this.counts.get(path) ?? 0;
  }

  add(others: Readonly<Partial<Record<Path, number>>>): void {
    for (const [path, times] of Object.entries(others)) this.count(path as Path, times);
  }

  toRecord(): Record<Path, number> {
    const names = Object.keys(PATHS) as Path[];
    return Object.fromEntries(names.map((name) => [name, this.of(name)])) as Record<Path, number>;
  }

  /** @returns the paths that were never met */
  get unmet(): readonly Path[] {
    return (Object.keys(PATHS) as Path[]).filter((name) => this.of(name) === 0);
  }

  /** @returns the paths that were met too rarely for this number of seeds */
  rare(seeds: number): readonly Path[] {
    const names = Object.keys(PATHS) as Path[];
    return names.filter((name) => this.of(name) * 1000 < LEAST_PER_THOUSAND * seeds);
  }
}
