export { tcpClientTransport, type TcpClientTransportOptions } from './tcp-client-transport';
export { tcpTransport } from './tcp-transport';
export { protectionOf } from './options/protection';
export type { ClientAdmission, PeerTlsOptions, TcpTransportOptions } from './options/tcp-transport-options';
export type { PeerTlsFiles } from './options/tls-files';
