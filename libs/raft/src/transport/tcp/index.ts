export { tcpClientTransport, type TcpClientTransportOptions } from './tcp-client-transport';
export { tcpTransport } from './tcp-transport';
export { protectionOf } from './options/protection';
export type { ClientAdmission, TcpTransportOptions } from './options/tcp-transport-options';
export type { PeerTlsOptions } from './options/peer-tls-options';
export type { PeerTlsFiles } from './options/tls-files';
