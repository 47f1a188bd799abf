import { Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Default 15,000: above what a node waits for an answer. */
  readonly timeoutMs?: number;
  /** How many redirects are followed, with method and body. Default 0: the redirect is the answer. */
  readonly redirects?: number;
}

/** The connection closed or timed out: the request may or may not have been carried out, unless it was never {@link sent}. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  constructor(
    message: string,
    readonly sent: boolean,
  ) {
    super(message);
  }
}

/** A client whose connections stay open, as a service's own would. */
export class HttpClient {
  private readonly agent: Agent;

  constructor(connectionsPerNode = 64) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connectionsPerNode, scheduling: 'fifo' });
  }

  /** @throws NoAnswerError */
  async send(url: string, options: RequestOptions = {}): Promise<Answer> {
    let target = url;
    for (let left = options.redirects ?? 0; ; left--) {
      const answer = await this.once(target, options);
      const location = answer.headers.location;
      if (location === undefined || left <= 0 || answer.status < 300 || answer.status > 399) return answer;
      target = location;
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private once(url: string, { method = 'GET', headers, body, timeoutMs = 15_000 }: RequestOptions): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let sent = false;
      const request = httpRequest(url, { method, agent: this.agent, headers: { ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', fail);
        response.once('end', () => {
          clearTimeout(timer);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
      });
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(new NoAnswerError(`${method} ${url}: ${error.message || error.name}`, sent));
      };
      const timer = setTimeout(() => request.destroy(new Error(`no answer for ${timeoutMs} ms`)), timeoutMs);
      request.once('error', fail);
      request.once('socket', (socket) => {
        if (!socket.connecting) sent = true;
        else socket.once('connect', () => (sent = true));
      });
      // `curl -d` says of every body that it is a form.
      if (body !== undefined && headers?.['content-type'] === undefined)
        request.setHeader('content-type', 'application/x-www-form-urlencoded');
      request.end(body);
    });
  }
}
