import { type Hello, PROTOCOL_VERSIONS } from '../../transport/contract';
import { refusalOf } from './admission';

const OWN = { clusterName: 'shop', clusterId: 'c1', nodeName: 'n1', incarnation: 'i1' };
const PEER: Hello = {
  protocol: PROTOCOL_VERSIONS,
  clusterName: 'shop',
  clusterId: 'c1',
  nodeName: 'n2',
  replicaId: 2,
  incarnation: 'i2',
  bootNonce: 'b2',
  epoch: 1,
  earlierBoots: [],
  knownBoots: [],
  advertise: 'n2:7001',
};

describe('Admission of peers', () => {
  it('lets in who belongs to the cluster, and who looks for one', () => {
    expect(refusalOf(PEER, OWN)).toBeUndefined();
    expect(refusalOf({ ...PEER, clusterId: '' }, OWN)).toBeUndefined();
    expect(refusalOf(PEER, { ...OWN, clusterId: '' })).toBeUndefined();
    expect(refusalOf({ ...PEER, protocol: { min: 1, max: 9 } }, OWN)).toBeUndefined();
  });

  it.each<[string, Partial<Hello>, RegExp]>([
    ['another cluster’s name', { clusterName: 'bank' }, /belongs to the cluster 'bank'/],
    [
      'another cluster of the same name',
      { clusterId: 'c2' },
      /another cluster of the name 'shop' \(c2, this one is c1\)/,
    ],
    ['the very same store', { incarnation: 'i1', nodeName: 'n1' }, /leads back to the node itself/],
    ['a copy of the store under another name', { incarnation: 'i1' }, /two processes run on copies of one store/],
    ['a second node of the same name', { nodeName: 'n1' }, /Two nodes are called 'n1'/],
    ['a newer protocol', { protocol: { min: 7, max: 8 } }, /speaks versions 7 to 8 .* 'n1' speaks 3 to 3/],
  ])('turns away %s, with a sentence', (_, difference, sentence) => {
    expect(refusalOf({ ...PEER, ...difference }, OWN)).toMatch(sentence);
  });
});
