import type { GreetingFrame } from '../../codec';
import type { Hello } from '../../contract';
import { isSameToken, makeChallenge, makeProof, sealOf, type HandshakeTranscript } from './secret-proof';

const greeting = (): GreetingFrame => ({
  kind: 'greeting',
  protocol: { min: 3, max: 3 },
  role: 'peer',
  challenge: makeChallenge(),
  asksForProof: true,
});
const hello: Hello = {
  protocol: { min: 3, max: 3 },
  clusterName: 'c',
  clusterId: '',
  nodeName: 'n1',
  replicaId: 0,
  incarnation: 'i',
  bootNonce: 'b',
  epoch: 1,
  earlierBoots: [],
  knownBoots: [],
  advertise: 'n1:1',
};
const secret = 'sixteen or more characters';
const transcript: HandshakeTranscript = { dialler: greeting(), acceptor: greeting(), session: new Uint8Array() };
const { dialler, acceptor } = transcript;

const OTHER_CONNECTIONS: [string, HandshakeTranscript][] = [
  [
    'other challenges: it cannot be played back on the next connection',
    { ...transcript, acceptor: { ...acceptor, challenge: makeChallenge() } },
  ],
  ['challenges that changed their places', { ...transcript, dialler: acceptor, acceptor: dialler }],
  ['another role: a client cannot come as a peer', { ...transcript, dialler: { ...dialler, role: 'client' } }],
  [
    'other versions: nobody in between can lower them',
    { ...transcript, dialler: { ...dialler, protocol: { min: 1, max: 3 } } },
  ],
  ['another TLS session: a machine in between cannot pass it on', { ...transcript, session: Uint8Array.of(1) }],
];

describe('the proof of a secret', () => {
  const proof = makeProof(secret, 'dialled', transcript);

  it('holds for what it was made for', () => {
    expect(isSameToken(proof, makeProof(secret, 'dialled', transcript))).toBe(true);
  });

  it.each(OTHER_CONNECTIONS)('fails for %s', (_, other) => {
    expect(isSameToken(proof, makeProof(secret, 'dialled', other))).toBe(false);
  });

  it('fails for the other end: it cannot be thrown back at its maker', () => {
    expect(isSameToken(proof, makeProof(secret, 'accepted', transcript))).toBe(false);
  });

  it('fails for another secret, and for what has another length', () => {
    expect(isSameToken(proof, makeProof('another secret, as long', 'dialled', transcript))).toBe(false);
    expect(isSameToken(new Uint8Array(), proof)).toBe(false);
  });
});

describe('the seal of a hello', () => {
  const seal = sealOf(secret, 'dialled', transcript, hello);

  it('is no proof, and a proof is no seal', () => {
    expect(isSameToken(seal, makeProof(secret, 'dialled', transcript))).toBe(false);
  });

  it.each(OTHER_CONNECTIONS)('fails for %s', (_, other) => {
    expect(isSameToken(seal, sealOf(secret, 'dialled', other, hello))).toBe(false);
  });

  it.each<[string, Partial<Hello>]>([
    ['another name', { nodeName: 'n2' }],
    ['another store', { incarnation: 'j' }],
    ['other lives', { knownBoots: [{ replicaId: 1, number: 9, nonce: 'x' }] }],
    ['another role', { role: 'client' }],
  ])('fails for %s', (_, changes) => {
    expect(isSameToken(seal, sealOf(secret, 'dialled', transcript, { ...hello, ...changes }))).toBe(false);
  });
});
