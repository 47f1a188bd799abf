import { Moves } from '../../../libs/raft/src/runtime/places/moves';
import { MemberRoutes } from '../../../libs/raft/src/runtime/peers/member-routes';
import { Movers } from '../../../libs/raft/src/runtime/peers/movers';
import { PeerLinks } from '../../../libs/raft/src/runtime/peers/peer-links';
import { PlaceWitness } from '../../../libs/raft/src/runtime/places/place-witness';
import { WitnessRound } from '../../../libs/raft/src/runtime/places/witness-round';
import { copyOfALiveDisk, flapping, olderDiskElsewhere, swap, unreachableAddress } from './place-scenarios';
import { VirtualCluster } from '../virtual-cluster';

type Methods = Record<string, (...args: never[]) => unknown>;

/** Puts a mistake into a private method, for one scenario. */
function replace(part: { readonly prototype: object }, method: string, mistake: (...args: never[]) => unknown): void {
  jest.spyOn(part.prototype as Methods, method).mockImplementation(mistake);
}

const threeFounders = async (): Promise<VirtualCluster> => {
  const cluster = new VirtualCluster(3);
  await cluster.startWithLeader();
  return cluster;
};

const silent = async () => ({ old: 'silent', match: 0, reached: true });

/** Each rule of a move is broken once, and the scenario that holds it has to notice. */
describe('a mistake in how a member is moved', () => {
  afterEach(() => jest.restoreAllMocks());

  it('is noticed: nobody but the leader is asked whether the old place is silent', async () => {
    replace(WitnessRound, 'askOther', silent);
    await expect(copyOfALiveDisk()).rejects.toThrow('did not come true');
  });

  it('is noticed: whoever says that it is a member counts, wherever it is', async () => {
    replace(PeerLinks, 'settles', () => true);
    await expect(copyOfALiveDisk()).rejects.toThrow('did not come true');
  });

  it('is noticed: a member is moved as often as it likes', async () => {
    replace(Moves, 'mayMove', () => true);
    await expect(flapping()).rejects.toThrow('toEqual');
  });

  it('is noticed: whoever answers at a member’s address is taken for it', async () => {
    replace(MemberRoutes, 'leadsTo', function (this: MemberRoutes, address: string) {
      return this.stateOf(address).state === 'connected';
    });
    await expect(threeFounders().then(swap)).rejects.toThrow('did not come true');
  });

  it('is noticed: the new address isn’t dialled', async () => {
    let said: Record<string, unknown> = {};
    const met = jest.spyOn(Movers.prototype, 'met');
    met.mockImplementation(function (this: Movers, hello, nowMs) {
      said = { ...hello, lastIndex: Number.MAX_SAFE_INTEGER, http: '', httpChanged: false };
      met.mockRestore();
      return this.met(hello, nowMs);
    });
    replace(PlaceWitness, 'whoIsAt', async () => said);
    await expect(unreachableAddress()).rejects.toThrow('toBe');
  });

  it('is noticed: what the member has acknowledged isn’t held against its log', async () => {
    replace(PlaceWitness, 'matchOf', () => 0);
    await expect(olderDiskElsewhere()).rejects.toThrow('did not come true');
  });
});
