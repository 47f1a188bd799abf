import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate with its key, in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  readonly commonName?: string;
  /** Subject alternative names. */
  readonly dns?: readonly string[];
  /** IPv4. */
  readonly ips?: readonly string[];
  readonly validFrom?: Date;
  readonly validTo?: Date;
}

const OIDS = {
  commonName: '0603550403',
  ecdsaWithSha256: '06082a8648ce3d040302',
  alternativeNames: '0603551d11',
  basicConstraints: '0603551d13',
};
const LONG_AGO = new Date('2020-01-01T00:00:00Z');
const FAR_AWAY = new Date('2049-01-01T00:00:00Z');

/** An authority of one test, which makes certificates: just enough of X.509 for that. */
export class Authority {
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly cert: string;

  constructor(private readonly name: string) {
    const isAuthority = extension(OIDS.basicConstraints, sequence(Buffer.from('0101ff', 'hex')));
    this.cert = this.certify(this.keys.publicKey, { commonName: name }, [isAuthority]);
  }

  issue(options: CertificateOptions): Identity {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = [
      ...(options.dns ?? []).map((name) => der(0x82, Buffer.from(name))),
      ...(options.ips ?? []).map((ip) => der(0x87, Buffer.from(ip.split('.').map(Number)))),
    ];
    const extensions = names.length === 0 ? [] : [extension(OIDS.alternativeNames, sequence(...names))];
    return {
      cert: this.certify(publicKey, options, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  private certify(publicKey: KeyObject, options: CertificateOptions, extensions: readonly Buffer[]): string {
    const { commonName = '', validFrom = LONG_AGO, validTo = FAR_AWAY } = options;
    const algorithm = sequence(hex(OIDS.ecdsaWithSha256));
    const body = sequence(
      der(0xa0, Buffer.from('020102', 'hex')),
      der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
      algorithm,
      nameOf(this.name),
      sequence(time(validFrom), time(validTo)),
      nameOf(commonName),
      publicKey.export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
    );
    const signature = sign('sha256', body, this.keys.privateKey);
    const certificate = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
    const lines = certificate.toString('base64').match(/.{1,64}/g)!;
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  }
}

function nameOf(commonName: string): Buffer {
  if (commonName === '') return sequence();
  return sequence(der(0x31, sequence(hex(OIDS.commonName), der(0x0c, Buffer.from(commonName)))));
}

function extension(oid: string, value: Buffer): Buffer {
  return sequence(hex(oid), der(0x04, value));
}

/** UTCTime, which ends in 2049. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function hex(bytes: string): Buffer {
  return Buffer.from(bytes, 'hex');
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const bytes = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...bytes), value]);
}
