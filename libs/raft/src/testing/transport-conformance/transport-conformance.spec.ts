import type { PeerMessage, RaftTransport, TransportHost } from '../../transport/contract';
import { MemoryNetwork } from '../../transport/memory';
import { runTransportConformanceCheck, TRANSPORT_CONFORMANCE_CHECKS } from './index';

const PATIENCE_MS = 700;

/** A good transport with one fault put in: between it and its node, or between the node and it. */
class BrokenTransport implements RaftTransport {
  protected readonly inner: RaftTransport;

  constructor(inner: RaftTransport) {
    this.inner = inner;
  }

  start(host: TransportHost): Promise<string> {
    return this.inner.start(this.wrap(host));
  }
  connect(address: string): void {
    this.inner.connect(address);
  }
  disconnect(address: string): void {
    this.inner.disconnect(address);
  }
  send(address: string, message: PeerMessage): boolean {
    return this.inner.send(address, message);
  }
  backlogBytes(address: string): number {
    return this.inner.backlogBytes(address);
  }
  announce(): void {
    this.inner.announce();
  }
  stop(): Promise<void> {
    return this.inner.stop();
  }
  protected wrap(host: TransportHost): TransportHost {
    return host;
  }
}

/** A host that behaves as the given one, but for what is overridden. */
function like(host: TransportHost, changed: Partial<TransportHost>): TransportHost {
  return {
    hello: () => host.hello(),
    admit: (peer) => host.admit(peer),
    receive: (message, sender) => host.receive(message, sender),
    connectionChanged: (address, state, detail) => host.connectionChanged(address, state, detail),
    ...changed,
  };
}

class AltersBytes extends BrokenTransport {
  protected override wrap(host: TransportHost): TransportHost {
    return like(host, {
      receive: (message, sender) => {
        if (message.kind === 'appendEntries')
          for (const { data } of message.entries) if (data.length > 0) data[0]! ^= 1;
        host.receive(message, sender);
      },
    });
  }
}

class DeliversBeforeAdmission extends BrokenTransport {
  protected override wrap(host: TransportHost): TransportHost {
    return like(host, {
      admit: (peer) => {
        host.admit(peer);
        return undefined;
      },
    });
  }
}

class ThrowsWhereNobodyListens extends BrokenTransport {
  override send(address: string, message: PeerMessage): boolean {
    if (!super.send(address, message)) throw new Error(`not connected to ${address}`);
    return true;
  }
}

class BlocksTheSender extends BrokenTransport {
  override send(address: string, message: PeerMessage): boolean {
    for (const until = performance.now() + 15; performance.now() < until;);
    return super.send(address, message);
  }
}

class LeaksAfterStop extends BrokenTransport {
  private host: TransportHost | undefined;
  protected override wrap(host: TransportHost): TransportHost {
    this.host = host;
    return host;
  }
  override async stop(): Promise<void> {
    await this.inner.stop();
    setTimeout(() => this.host?.connectionChanged('left behind', 'closed', 'a timer that was not cleared'), 20);
  }
}

class NeverDialsAgain extends BrokenTransport {
  protected override wrap(host: TransportHost): TransportHost {
    return like(host, {
      connectionChanged: (address, state, detail) => {
        if (state === 'closed') this.inner.disconnect(address);
        host.connectionChanged(address, state, detail);
      },
    });
  }
}

class KeepsTheFirstHello extends BrokenTransport {
  protected override wrap(host: TransportHost): TransportHost {
    let first: ReturnType<TransportHost['hello']> | undefined;
    return like(host, { hello: () => (first ??= host.hello()) });
  }
}

class StandsStillUnderBulk extends BrokenTransport {
  private bytes = 0;
  override send(address: string, message: PeerMessage): boolean {
    if (message.kind === 'request') this.bytes += message.body.length;
    return this.bytes > 8 * 1024 * 1024 ? false : super.send(address, message);
  }
}

class DeliversWithinSend extends BrokenTransport {
  static readonly hosts = new Map<string, TransportHost>();
  private own: TransportHost | undefined;
  override async start(host: TransportHost): Promise<string> {
    this.own = host;
    const address = await super.start(host);
    DeliversWithinSend.hosts.set(address, host);
    return address;
  }
  override send(address: string, message: PeerMessage): boolean {
    const peer = DeliversWithinSend.hosts.get(address);
    if (peer === undefined || this.own === undefined || !this.inner.send(address, message)) return false;
    peer.receive(message, this.own.hello());
    return true;
  }
}

class ForgetsWhoRefused extends BrokenTransport {
  protected override wrap(host: TransportHost): TransportHost {
    return like(host, {
      connectionChanged: (address, state) =>
        host.connectionChanged(address, state === 'refused' ? 'closed' : state, ''),
    });
  }
}

const BROKEN: Record<string, new (inner: RaftTransport) => BrokenTransport> = {
  'alters bytes': AltersBytes,
  'delivers what a refused peer sends': DeliversBeforeAdmission,
  'throws where nobody listens': ThrowsWhereNobodyListens,
  'makes the sender wait': BlocksTheSender,
  'goes on after the stop': LeaksAfterStop,
  'never dials again': NeverDialsAgain,
  'keeps the hello of the beginning': KeepsTheFirstHello,
  'stands still under bulk': StandsStillUnderBulk,
  'calls the receiver within send': DeliversWithinSend,
  'takes a refusal for a lost connection': ForgetsWhoRefused,
};

/** The check that is expected to catch each (others may, too), and what it is expected to say. */
const CAUGHT_BY: Record<keyof typeof BROKEN, [check: string, complaint: RegExp]> = {
  'alters bytes': ['delivers a message of each kind unchanged, and says who sent it', /deep.equal/i],
  'delivers what a refused peer sends': [
    'delivers nothing of a peer that was refused, and tells that peer the sentence',
    /the refused peer hears why/,
  ],
  'throws where nobody listens': ['drops what is sent to nobody, and never throws', /not connected to/],
  'makes the sender wait': ['never makes a sender wait', /300 sends took/],
  'goes on after the stop': [
    'falls silent when it is stopped, both ways, however often',
    /connections changed after the stop/,
  ],
  'never dials again': [
    'says that a connection closed, and makes it again when the peer is back',
    /a request from left reaches right/,
  ],
  'keeps the hello of the beginning': [
    'says hello anew on every connection when it announces',
    /messages come with the new hello/,
  ],
  'stands still under bulk': ['carries 32 messages of 1 MiB both ways at the same time', /all arrive; .* has \d/],
  'calls the receiver within send': [
    'hands a message over after send has returned, never within it',
    /while the sender was still sending/,
  ],
  'takes a refusal for a lost connection': [
    'refuses a node of another cluster, while its own nodes go on',
    /the stranger is refused/,
  ],
};

describe('the conformance suite of transports', () => {
  it.each(Object.keys(BROKEN))('catches a transport that %s', async (fault) => {
    const [name, complaint] = CAUGHT_BY[fault]!;
    const check = TRANSPORT_CONFORMANCE_CHECKS.find((one) => one.name === name);
    const good = new MemoryNetwork();
    const bad = new MemoryNetwork();
    const Broken = BROKEN[fault]!;

    // The same check passes without the fault.
    await runTransportConformanceCheck(
      check!,
      { create: (address) => new BrokenTransport(good.transport(address)) },
      10_000,
    );
    await expect(
      runTransportConformanceCheck(check!, { create: (address) => new Broken(bad.transport(address)) }, PATIENCE_MS),
    ).rejects.toThrow(complaint);
  });
});
