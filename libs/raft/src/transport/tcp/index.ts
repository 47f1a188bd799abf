export { tcpClientTransport, type TcpClientTransportOptions } from './tcp-client-transport';
export { tcpTransport } from './tcp-transport';
export { protectionOf } from './protection';
export type { ClientAdmission, PeerTlsOptions, TcpTransportOptions } from './tcp-transport-options';
export type { PeerTlsFiles } from './tls-files';
