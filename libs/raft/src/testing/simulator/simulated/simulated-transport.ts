import type {
  Hello,
  PeerConnectionState,
  PeerMessage,
  RaftTransport,
  TransportHost,
} from '../../../transport/contract';
import type { DialAnswer, SimulatedConnection, SimulatedEndpoint } from './simulated-endpoint';
import type { SimulatedNetwork } from './simulated-network';
import type { ProcessTask, SimulatedProcess } from './simulated-process';
import { PHASES } from '../base/virtual-time';

const FIRST_REDIAL_MS = 50;
const LONGEST_REDIAL_MS = 1000;
const DIAL_TIMEOUT_MS = 1000;
/** A killed process's sockets close this much later. */
const CLOSE_NOTICE_MS = 2;
/** A connection that carries nothing any more is found dead by the peers' pings, some time within this range. */
const SILENT_CLOSE_MS = { from: 1500, to: 4000 };
const CONGESTION_BYTES = 2 * 1024 * 1024;

interface Dialled {
  readonly address: string;
  state: PeerConnectionState;
  connection: SimulatedConnection | undefined;
  attempt: number;
  redialMs: number;
  timer: ProcessTask | undefined;
}

/** The transport contract over the simulated network; one object for each life of a process. */
export class SimulatedTransport implements RaftTransport, SimulatedEndpoint {
  readonly protection = 'private';
  private host: TransportHost | undefined;
  private readonly dialled = new Map<string, Dialled>();
  private readonly accepted = new Set<SimulatedConnection>();
  /** Where it runs: its address, until another process takes that over elsewhere. */
  private place: string;

  constructor(
    readonly address: string,
    readonly process: SimulatedProcess,
    private readonly network: SimulatedNetwork,
    private readonly isLeading: () => boolean,
  ) {
    this.place = address;
  }

  get leads(): boolean {
    return this.isLeading();
  }

  get isServed(): boolean {
    return this.host !== undefined;
  }

  get location(): string {
    return this.place;
  }

  async start(host: TransportHost): Promise<string> {
    this.network.world.verdict.check(
      this.network.listen(this),
      'one process on an address',
      () => `${this.process.label} finds ${this.address} taken`,
    );
    this.host = host;
    return this.address;
  }

  connect(address: string): void {
    if (this.host === undefined || this.dialled.has(address)) return;
    const dialled: Dialled = {
      address,
      state: 'connecting',
      connection: undefined,
      attempt: 0,
      redialMs: FIRST_REDIAL_MS,
      timer: undefined,
    };
    this.dialled.set(address, dialled);
    this.dial(dialled);
  }

  disconnect(address: string): void {
    const dialled = this.dialled.get(address);
    if (dialled === undefined) return;
    this.dialled.delete(address);
    dialled.attempt++;
    if (dialled.timer !== undefined) this.process.cancel(dialled.timer);
    if (dialled.connection !== undefined) this.forget(dialled.connection);
  }

  send(address: string, message: PeerMessage): boolean {
    const connection = this.dialled.get(address)?.connection;
    if (connection === undefined || !connection.open) return false;
    this.network.transmit(connection, message);
    return true;
  }

  backlogBytes(address: string): number {
    return this.network.isCongested(this.address, address) ? CONGESTION_BYTES : 0;
  }

  announce(): void {
    const hello = this.host?.hello();
    if (hello === undefined) return;
    for (const { connection } of this.dialled.values())
      if (connection !== undefined) this.sayAgain(connection, connection.listener, hello);
    for (const connection of this.accepted) this.sayAgain(connection, connection.dialler, hello);
  }

  turnAway(sender: Hello): void {
    for (const connection of [...this.accepted]) {
      if (connection.hello !== sender) continue;
      this.accepted.delete(connection);
      connection.dialler.noticeEnd(connection);
    }
  }

  async stop(): Promise<void> {
    this.cut();
    this.host = undefined;
  }

  /** Ends whatever this process was connected to, as its end does: the others' sockets close. */
  cut(): void {
    for (const dialled of this.dialled.values()) {
      dialled.attempt++;
      if (dialled.timer !== undefined) this.process.cancel(dialled.timer);
      if (dialled.connection !== undefined) this.forget(dialled.connection);
    }
    this.dialled.clear();
    this.network.silence(this);
    const accepted = [...this.accepted];
    this.accepted.clear();
    for (const connection of accepted) connection.dialler.noticeEnd(connection);
  }

  /** Another process, elsewhere, listens on the address from now on. What is connected to this one stays so, in part. */
  loseAddress(): void {
    this.network.silence(this);
    this.place = `${this.address} before`;
    for (const connection of [...this.accepted]) {
      if (this.network.chanceOf(connection.dialler.address, this.address).happens(0.5)) continue;
      this.accepted.delete(connection);
      connection.dialler.noticeEnd(connection);
    }
  }

  reset(address: string): boolean {
    const connection = this.dialled.get(address)?.connection;
    if (connection === undefined) return false;
    connection.listener.release(connection);
    this.noticeEnd(connection);
    return true;
  }

  /** The other way is cut for long: pings go unanswered. */
  losePeerIfSilent(address: string): void {
    const connection = this.dialled.get(address)?.connection;
    if (connection === undefined) return;
    const noticedMs = this.network.chanceOf(this.address, address).uniform(SILENT_CLOSE_MS.from, SILENT_CLOSE_MS.to);
    this.process.input(noticedMs, () => {
      if (connection.open && !this.reaches(connection.listener.location))
        this.closeHere(connection, 'no answer to pings');
    });
  }

  deliver(connection: SimulatedConnection, message: PeerMessage): void {
    this.host?.receive(message, connection.hello);
  }

  private reaches(place: string): boolean {
    return !this.network.isBlocked(this.place, place) && !this.network.isBlocked(place, this.place);
  }

  private dial(dialled: Dialled): void {
    const attempt = ++dialled.attempt;
    const isCurrent = () => dialled.attempt === attempt && this.dialled.get(dialled.address) === dialled;
    this.setState(dialled, 'connecting', '');
    dialled.timer = this.process.after(DIAL_TIMEOUT_MS, PHASES.timer, () => {
      if (isCurrent()) this.failDial(dialled, 'closed', 'the connection attempt timed out');
    });
    const listener = this.network.listenerAt(dialled.address);
    if (!this.reaches(dialled.address)) return;
    const chance = this.network.chanceOf(this.address, dialled.address);
    const delayMs = this.network.delayMs(chance);
    if (listener === undefined) {
      this.process.input(2 * delayMs, () => {
        if (isCurrent()) this.failDial(dialled, 'refused', 'nobody listens');
      });
      return;
    }
    const hello = this.host!.hello();
    listener.process.input(delayMs, () => {
      const answer = listener.admit(hello);
      listener.peerArrived(hello.advertise);
      if (answer === undefined || !this.reaches(dialled.address)) return;
      this.process.input(this.network.delayMs(chance), () => {
        if (!isCurrent()) return;
        const refusal = answer.refusal ?? this.host!.admit(answer.hello);
        if (refusal !== undefined) this.failDial(dialled, 'refused', refusal);
        else this.establish(dialled, listener, answer.hello);
      });
    });
  }

  admit(peer: Hello): DialAnswer | undefined {
    const { host } = this;
    return host && { hello: host.hello(), refusal: host.admit(peer) };
  }

  refusalOf(peer: Hello): string | undefined {
    return this.host?.admit(peer);
  }

  accept(connection: SimulatedConnection): void {
    this.accepted.add(connection);
  }

  release(connection: SimulatedConnection): void {
    this.accepted.delete(connection);
  }

  peerArrived(address: string): void {
    const dialled = this.dialled.get(address);
    if (dialled !== undefined && (dialled.state === 'closed' || dialled.state === 'refused')) this.redial(dialled, 0);
  }

  private establish(dialled: Dialled, listener: SimulatedEndpoint, answering: Hello): void {
    if (!listener.process.isAlive || !listener.isServed) {
      this.failDial(dialled, 'refused', 'nobody listens any more');
      return;
    }
    const hello = this.host!.hello();
    const connection: SimulatedConnection = { dialler: this, listener, open: true, lastArrivalMs: 0, hello };
    dialled.connection = connection;
    dialled.redialMs = FIRST_REDIAL_MS;
    if (dialled.timer !== undefined) this.process.cancel(dialled.timer);
    listener.accept(connection);
    this.setState(dialled, 'connected', '', answering);
  }

  private failDial(dialled: Dialled, state: PeerConnectionState, detail: string): void {
    dialled.attempt++;
    if (dialled.timer !== undefined) this.process.cancel(dialled.timer);
    this.setState(dialled, state, detail);
    const delayMs = this.network.chanceOf(this.address, dialled.address).uniform(0.5, 1) * dialled.redialMs;
    dialled.redialMs = Math.min(LONGEST_REDIAL_MS, 2 * dialled.redialMs);
    this.redial(dialled, delayMs);
  }

  private redial(dialled: Dialled, delayMs: number): void {
    if (dialled.timer !== undefined) this.process.cancel(dialled.timer);
    dialled.timer = this.process.after(delayMs, PHASES.timer, () => {
      if (this.dialled.get(dialled.address) === dialled) this.dial(dialled);
    });
  }

  noticeEnd(connection: SimulatedConnection): void {
    connection.open = false;
    if (this.network.isBlocked(connection.listener.location, this.place)) {
      this.process.after(200, PHASES.timer, () => this.noticeEnd(connection));
      return;
    }
    this.process.input(CLOSE_NOTICE_MS, () => this.closeHere(connection, 'the peer closed the connection'));
  }

  private closeHere(connection: SimulatedConnection, detail: string): void {
    connection.open = false;
    connection.listener.release(connection);
    const dialled = this.dialled.get(connection.listener.address);
    if (dialled?.connection !== connection) return;
    dialled.connection = undefined;
    this.failDial(dialled, 'closed', detail);
  }

  private forget(connection: SimulatedConnection): void {
    connection.open = false;
    connection.listener.release(connection);
  }

  private sayAgain(connection: SimulatedConnection, to: SimulatedEndpoint, hello: Hello): void {
    to.process.input(this.network.delayMs(this.network.chanceOf(this.address, to.address)), () => {
      if (!connection.open || !to.isServed) return;
      const refusal = to.refusalOf(hello);
      if (refusal !== undefined) {
        connection.listener.release(connection);
        connection.dialler.noticeEnd(connection);
      } else if (to === connection.listener) connection.hello = hello;
    });
  }

  private setState(dialled: Dialled, state: PeerConnectionState, detail: string, peer?: Hello): void {
    if (dialled.state === state && state === 'connecting') return;
    dialled.state = state;
    this.host?.connectionChanged(dialled.address, state, detail, peer);
  }
}
