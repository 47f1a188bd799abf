import type { Hello } from '../contract';
import { isProof, makeChallenge, makeProof, type ProofSubject } from './secret-proof';

const hello: Hello = {
  protocol: { min: 1, max: 1 },
  clusterName: 'c',
  clusterId: '',
  nodeName: 'n1',
  replicaId: 0,
  incarnation: 'i',
  bootNonce: 'b',
  life: 1,
  earlierLives: [],
  knownLives: [],
  advertise: 'n1:1',
};
const secret = 'sixteen or more characters';
const subject: ProofSubject = {
  prover: 'dialled',
  isClients: false,
  challenge: makeChallenge(),
  ownChallenge: makeChallenge(),
  hello,
  session: new Uint8Array(),
};

describe('the proof of a secret', () => {
  it('holds for what it was made for', () => {
    expect(isProof(makeProof(secret, subject), secret, subject)).toBe(true);
  });

  it.each<[string, Partial<ProofSubject>]>([
    ['another challenge: it cannot be played back on the next connection', { challenge: makeChallenge() }],
    ['the other end: it cannot be thrown back at its maker', { prover: 'accepted' }],
    ['another hello: nobody else can use it', { hello: { ...hello, nodeName: 'n2' } }],
    ['another TLS session: whoever sits in between cannot pass it on', { session: Uint8Array.of(1) }],
  ])('fails for %s', (_, changes) => {
    expect(isProof(makeProof(secret, subject), secret, { ...subject, ...changes })).toBe(false);
  });

  it('fails for another secret, and for what has another length', () => {
    expect(isProof(makeProof('another secret, as long', subject), secret, subject)).toBe(false);
    expect(isProof(new Uint8Array(), secret, subject)).toBe(false);
  });
});
