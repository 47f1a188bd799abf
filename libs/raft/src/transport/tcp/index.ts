export { tcpTransport } from './tcp-transport';
export type { PeerTlsOptions, TcpTransportOptions } from './tcp-transport-options';
